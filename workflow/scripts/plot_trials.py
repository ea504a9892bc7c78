"""Draw the score of every setting of a search."""

from tybalt.figures.plot_trials import plot_trials
from tybalt.jobs.adapter import run

run(plot_trials, snakemake)
