"""Draw the learning curves of all models of a dataset."""

from tybalt.figures.plot_curves import plot_curves
from tybalt.jobs.adapter import run

run(plot_curves, snakemake)
