"""Hold the matrix of the published freeze against published facts."""

from tybalt.adapter import run
from tybalt.data.golden import check_golden

run(check_golden, snakemake)
