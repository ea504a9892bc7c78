"""Combine mutations with gains of oncogenes and losses of tumour suppressors."""

from tybalt.adapter import run
from tybalt.data.status import combine_status

run(combine_status, snakemake)
