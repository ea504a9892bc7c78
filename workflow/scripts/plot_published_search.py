"""Draw the settings of a search beside the scores published for them."""

from tybalt.adapter import run
from tybalt.figures.plot_published_search import plot_published_search

run(plot_published_search, snakemake)
