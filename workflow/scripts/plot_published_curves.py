"""Draw the learning curves of all models of a dataset beside published ones."""

from tybalt.figures.plot_published_curves import plot_published_curves
from tybalt.jobs.adapter import run

run(plot_published_curves, snakemake)
