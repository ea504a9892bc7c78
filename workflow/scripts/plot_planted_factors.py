"""Draw how much of each planted factor every model has found."""

from tybalt.figures.plot_planted_factors import plot_planted_factors
from tybalt.jobs.adapter import run

run(plot_planted_factors, snakemake)
