"""Combine mutations with gains of oncogenes and losses of tumour suppressors."""

from tybalt.data.tables.status import combine_status
from tybalt.jobs.adapter import run

run(combine_status, snakemake)
