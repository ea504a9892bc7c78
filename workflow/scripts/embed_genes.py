"""Embed the samples by their genes."""

from tybalt.analysis.embedding import embed_genes
from tybalt.jobs.adapter import run

run(embed_genes, snakemake)
