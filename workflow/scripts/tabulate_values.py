"""Write every value of a small matrix beside its reconstruction."""

from tybalt.analysis.encoding import tabulate_values
from tybalt.jobs.adapter import run

run(tabulate_values, snakemake)
