"""Draw the settings of a search beside the scores published for them."""

from tybalt.figures.plot_published_search import plot_published_search
from tybalt.jobs.adapter import run

run(plot_published_search, snakemake)
