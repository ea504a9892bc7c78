"""Draw how alike the codes of every pair of models are."""

from tybalt.adapter import run
from tybalt.figures.plot_matches import plot_matches

run(plot_matches, snakemake)
