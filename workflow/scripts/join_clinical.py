"""Put the clinical columns beside the codes."""

from tybalt.adapter import run
from tybalt.data.clinical_table import join_clinical

run(join_clinical, snakemake)
