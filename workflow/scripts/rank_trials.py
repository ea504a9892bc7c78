"""Rank every setting of a search and name the winner."""

from tybalt.jobs.adapter import run
from tybalt.tuning.ranking import rank_trials

run(rank_trials, snakemake)
