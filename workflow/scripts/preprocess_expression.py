"""Clean, rank, scale and split an expression matrix."""

from tybalt.adapter import run
from tybalt.data.preprocess import preprocess_expression

run(preprocess_expression, snakemake)
