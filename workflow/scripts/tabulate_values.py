"""Write every value of a small matrix beside its reconstruction."""

from tybalt.adapter import run
from tybalt.latent import tabulate_values

run(tabulate_values, snakemake)
