"""Clean, rank, scale and split an expression matrix."""

from tybalt.data.preprocess import preprocess_expression
from tybalt.jobs.adapter import run

run(preprocess_expression, snakemake)
