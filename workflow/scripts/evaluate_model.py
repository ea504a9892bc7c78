"""Judge one model on the test samples."""

from tybalt.analysis.evaluation import evaluate_model
from tybalt.jobs.adapter import run

run(evaluate_model, snakemake)
