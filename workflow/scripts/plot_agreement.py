"""Draw true against reconstructed values, gene by gene."""

from tybalt.adapter import run
from tybalt.figures.plot_agreement import plot_agreement

run(plot_agreement, snakemake)
