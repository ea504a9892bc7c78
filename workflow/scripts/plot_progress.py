"""Draw the best score so far by what it cost, all tuners of a model on one axis."""

from tybalt.adapter import run
from tybalt.figures.plot_progress import plot_progress

run(plot_progress, snakemake)
