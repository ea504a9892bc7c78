"""Draw every setting of a search as a line through its values to its score."""

from tybalt.figures.plot_parallel import plot_parallel
from tybalt.jobs.adapter import run

run(plot_parallel, snakemake)
