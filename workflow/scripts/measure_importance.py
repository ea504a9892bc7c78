"""Measure how much of the score each hyperparameter explains."""

from tybalt.adapter import run
from tybalt.importance import measure_importance

run(measure_importance, snakemake)
