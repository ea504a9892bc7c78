"""Draw the samples mapped by their genes, coloured by cancer type."""

from tybalt.adapter import run
from tybalt.figures.plot_gene_map import plot_gene_map

run(plot_gene_map, snakemake)
