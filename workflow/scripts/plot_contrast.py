"""Draw the pair of latent features that best separates a contrast."""

from tybalt.figures.plot_contrast import plot_contrast
from tybalt.jobs.adapter import run

run(plot_contrast, snakemake)
