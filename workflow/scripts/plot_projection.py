"""Draw new samples in the embedding that they were projected onto."""

from tybalt.figures.plot_projection import plot_projection
from tybalt.jobs.adapter import run

run(plot_projection, snakemake)
