"""Simulate a pan-cancer cohort with known truth, in the raw formats of the TCGA study."""

from tybalt.data.simulation.cohort import simulate_cohort
from tybalt.jobs.adapter import run

run(simulate_cohort, snakemake)
