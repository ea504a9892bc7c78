"""Put the clinical columns beside the codes."""

from tybalt.data.tables.clinical_table import join_clinical
from tybalt.jobs.adapter import run

run(join_clinical, snakemake)
