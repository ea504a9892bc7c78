"""Simulate the methylation of a simulated cohort."""

from tybalt.data.simulation.methylation import simulate_methylation
from tybalt.jobs.adapter import run

run(simulate_methylation, snakemake)
