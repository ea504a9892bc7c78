"""Draw the codes of all samples as a heat map."""

from tybalt.figures.plot_encoding import plot_encoding
from tybalt.jobs.adapter import run

run(plot_encoding, snakemake)
