"""Draw the samples mapped by their codes, coloured by cancer type."""

from tybalt.adapter import run
from tybalt.figures.plot_map import plot_map

run(plot_map, snakemake)
