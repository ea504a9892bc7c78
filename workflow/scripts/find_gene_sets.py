"""List the genes behind every feature, and the gene sets among them."""

from tybalt.analysis.gene_set_enrichment import find_gene_sets
from tybalt.jobs.adapter import run

run(find_gene_sets, snakemake)
