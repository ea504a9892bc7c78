"""List the genes behind every feature, and the gene sets among them."""

from tybalt.adapter import run
from tybalt.over_representation import find_gene_sets

run(find_gene_sets, snakemake)
