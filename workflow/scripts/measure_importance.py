"""Measure how much of the score each hyperparameter explains."""

from tybalt.jobs.adapter import run
from tybalt.tuning.importance import measure_importance

run(measure_importance, snakemake)
