"""Sum up every contrast in one row."""

from tybalt.analysis.associations import list_findings
from tybalt.jobs.adapter import run

run(list_findings, snakemake)
