"""Measure how much of every planted factor a code explains."""

from tybalt.analysis.planted_factors import measure_planted_factors
from tybalt.jobs.adapter import run

run(measure_planted_factors, snakemake)
