"""Put the models of a dataset into one table."""

from tybalt.analysis.evaluation import compare_models
from tybalt.jobs.adapter import run

run(compare_models, snakemake)
