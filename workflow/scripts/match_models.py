"""Match the features of every pair of models."""

from tybalt.analysis.stability import match_models
from tybalt.jobs.adapter import run

run(match_models, snakemake)
