"""Draw what every embedding preserves of the samples' neighbours and labels."""

from tybalt.figures.plot_embedding_quality import plot_embedding_quality
from tybalt.jobs.adapter import run

run(plot_embedding_quality, snakemake)
