"""Match the features of every pair of models."""

from tybalt.adapter import run
from tybalt.stability import match_models

run(match_models, snakemake)
