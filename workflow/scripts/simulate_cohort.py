"""Simulate a pan-cancer cohort with known truth, in the raw formats of the TCGA study."""

from tybalt.adapter import run
from tybalt.data.simulate import simulate_cohort

run(simulate_cohort, snakemake)
