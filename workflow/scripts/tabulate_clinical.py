"""Select and harmonise the clinical columns of a study."""

from tybalt.data.tables.clinical_table import tabulate_clinical
from tybalt.jobs.adapter import run

run(tabulate_clinical, snakemake)
