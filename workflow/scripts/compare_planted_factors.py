"""Put the planted factors that each model found side by side."""

from tybalt.analysis.planted_factors import compare_planted_factors
from tybalt.jobs.adapter import run

run(compare_planted_factors, snakemake)
