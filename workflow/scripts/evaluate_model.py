"""Evaluate one model on held-out samples."""

from tybalt.analysis.evaluation import evaluate_model
from tybalt.jobs.adapter import run

run(evaluate_model, snakemake)
