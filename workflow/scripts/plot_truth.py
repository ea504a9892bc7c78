"""Draw how much of each planted factor every model has found."""

from tybalt.adapter import run
from tybalt.figures.plot_truth import plot_truth

run(plot_truth, snakemake)
