"""Draw new samples on the map that they were projected onto."""

from tybalt.adapter import run
from tybalt.figures.plot_projection import plot_projection

run(plot_projection, snakemake)
