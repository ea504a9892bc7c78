"""Judge one model on the test samples."""

from tybalt.adapter import run
from tybalt.evaluation import evaluate_model

run(evaluate_model, snakemake)
