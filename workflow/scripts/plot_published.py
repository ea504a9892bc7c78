"""Draw the loss curve of a model over the figures published for it."""

from tybalt.figures.plot_published import plot_published
from tybalt.jobs.adapter import run

run(plot_published, snakemake)
