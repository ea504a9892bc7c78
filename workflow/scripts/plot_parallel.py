"""Draw every setting of a search as a line through its values to its score."""

from tybalt.adapter import run
from tybalt.figures.plot_parallel import plot_parallel

run(plot_parallel, snakemake)
