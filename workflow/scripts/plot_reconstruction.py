"""Draw the reconstruction error by gene and by label."""

from tybalt.figures.plot_reconstruction import plot_reconstruction
from tybalt.jobs.adapter import run

run(plot_reconstruction, snakemake)
