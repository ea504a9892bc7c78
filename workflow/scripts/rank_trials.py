"""Rank every setting of a search and name the winner."""

from tybalt.adapter import run
from tybalt.ranking import rank_trials

run(rank_trials, snakemake)
