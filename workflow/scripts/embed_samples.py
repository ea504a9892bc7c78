"""Embed the samples by their codes."""

from tybalt.analysis.embedding import embed_samples
from tybalt.jobs.adapter import run

run(embed_samples, snakemake)
