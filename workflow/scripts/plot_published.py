"""Draw the loss curve of a model over the figures published for it."""

from tybalt.adapter import run
from tybalt.figures.plot_published import plot_published

run(plot_published, snakemake)
