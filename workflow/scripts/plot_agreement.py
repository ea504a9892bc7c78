"""Draw true against reconstructed values, gene by gene."""

from tybalt.figures.plot_agreement import plot_agreement
from tybalt.jobs.adapter import run

run(plot_agreement, snakemake)
