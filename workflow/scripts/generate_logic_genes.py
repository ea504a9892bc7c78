"""Make a few genes that follow from each other, for basic autoencoders."""

from tybalt.data.simulation.logic_genes import generate_logic_genes
from tybalt.jobs.adapter import run

run(generate_logic_genes, snakemake)
