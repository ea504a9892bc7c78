"""Draw what the features of a code are found to mean."""

from tybalt.adapter import run
from tybalt.figures.plot_findings import plot_findings

run(plot_findings, snakemake)
