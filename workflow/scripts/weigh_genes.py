"""Write the decoder's weight of every gene in every feature."""

from tybalt.analysis.encoding import weigh_genes
from tybalt.jobs.adapter import run

run(weigh_genes, snakemake)
