"""Draw the reconstruction error by gene and by cancer type."""

from tybalt.adapter import run
from tybalt.figures.plot_reconstruction import plot_reconstruction

run(plot_reconstruction, snakemake)
