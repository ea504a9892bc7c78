"""Draw what the features of a code are found to mean."""

from tybalt.figures.plot_findings import plot_findings
from tybalt.jobs.adapter import run

run(plot_findings, snakemake)
