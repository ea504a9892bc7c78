"""Draw the learning curves of all models of a dataset."""

from tybalt.adapter import run
from tybalt.figures.plot_curves import plot_curves

run(plot_curves, snakemake)
