"""Draw how alike the codes of every pair of models are."""

from tybalt.figures.plot_matches import plot_matches
from tybalt.jobs.adapter import run

run(plot_matches, snakemake)
