"""Draw the best score against the number of trainings, all tuners of a model on one axis."""

from tybalt.figures.plot_progress import plot_progress
from tybalt.jobs.adapter import run

run(plot_progress, snakemake)
