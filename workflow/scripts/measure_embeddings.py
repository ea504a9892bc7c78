"""Measure every embedding against what it embeds."""

from tybalt.analysis.embedding_quality import measure_embeddings
from tybalt.jobs.adapter import run

run(measure_embeddings, snakemake)
