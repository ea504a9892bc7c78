"""Draw the score of every setting of a search."""

from tybalt.adapter import run
from tybalt.figures.plot_trials import plot_trials

run(plot_trials, snakemake)
