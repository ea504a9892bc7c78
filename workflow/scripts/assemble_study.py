"""Put matrix, codes, embeddings and findings of a dataset into one file for scanpy."""

from tybalt.jobs.adapter import run
from tybalt.pages.anndata_export import assemble_study

run(assemble_study, snakemake)
