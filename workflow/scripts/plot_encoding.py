"""Draw the codes of all samples as a heat map."""

from tybalt.adapter import run
from tybalt.figures.plot_encoding import plot_encoding

run(plot_encoding, snakemake)
