"""Draw the samples embedded by their genes, coloured by label."""

from tybalt.figures.plot_gene_embedding import plot_gene_embedding
from tybalt.jobs.adapter import run

run(plot_gene_embedding, snakemake)
