"""Draw the genes behind the feature of a contrast."""

from tybalt.figures.plot_genes import plot_genes
from tybalt.jobs.adapter import run

run(plot_genes, snakemake)
