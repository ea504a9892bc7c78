"""Draw the importance of every hyperparameter of a search."""

from tybalt.adapter import run
from tybalt.figures.plot_importance import plot_importance

run(plot_importance, snakemake)
