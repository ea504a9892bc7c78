"""Put the models of a dataset into one table."""

from tybalt.adapter import run
from tybalt.evaluation import compare_models

run(compare_models, snakemake)
