"""Draw the genes behind the feature of a signal."""

from tybalt.adapter import run
from tybalt.figures.plot_genes import plot_genes

run(plot_genes, snakemake)
