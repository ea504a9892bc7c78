"""Make a few genes that follow from each other, for basic autoencoders."""

from tybalt.adapter import run
from tybalt.data.logic_genes import generate_logic_genes

run(generate_logic_genes, snakemake)
