"""Draw the samples mapped by their codes, coloured by cancer type."""

from tybalt.figures.plot_embedding import plot_embedding
from tybalt.jobs.adapter import run

run(plot_embedding, snakemake)
