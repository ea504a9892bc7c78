"""Draw every loss term by epoch."""

from tybalt.figures.plot_history import plot_history
from tybalt.jobs.adapter import run

run(plot_history, snakemake)
