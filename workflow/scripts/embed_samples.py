"""Map the samples by their codes."""

from tybalt.adapter import run
from tybalt.embedding import embed_samples

run(embed_samples, snakemake)
