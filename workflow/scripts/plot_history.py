"""Draw every loss term by epoch."""

from tybalt.adapter import run
from tybalt.figures.plot_history import plot_history

run(plot_history, snakemake)
