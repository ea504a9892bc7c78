"""Write the decoder's weight of every gene in every feature."""

from tybalt.adapter import run
from tybalt.latent import weigh_genes

run(weigh_genes, snakemake)
