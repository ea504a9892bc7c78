"""Select and harmonise the clinical columns of a study."""

from tybalt.adapter import run
from tybalt.data.clinical_table import tabulate_clinical

run(tabulate_clinical, snakemake)
