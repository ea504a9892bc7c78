"""Draw the importance of every hyperparameter of a search."""

from tybalt.figures.plot_importance import plot_importance
from tybalt.jobs.adapter import run

run(plot_importance, snakemake)
