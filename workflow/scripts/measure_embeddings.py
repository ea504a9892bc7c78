"""Measure every map against what it is a map of."""

from tybalt.analysis.embedding_quality import measure_embeddings
from tybalt.jobs.adapter import run

run(measure_embeddings, snakemake)
