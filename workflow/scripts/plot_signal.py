"""Draw the pair of latent features that best separates a signal."""

from tybalt.adapter import run
from tybalt.figures.plot_signal import plot_signal

run(plot_signal, snakemake)
