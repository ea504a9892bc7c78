"""Judge one model on the samples that took no part in its training."""

from tybalt.adapter import run
from tybalt.evaluation import evaluate_model

run(evaluate_model, snakemake)
