"""Draw the samples embedded by their codes, coloured by label."""

from tybalt.figures.plot_embedding import plot_embedding
from tybalt.jobs.adapter import run

run(plot_embedding, snakemake)
