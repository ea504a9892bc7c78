"""Map the samples by their genes."""

from tybalt.adapter import run
from tybalt.embedding import embed_genes

run(embed_genes, snakemake)
