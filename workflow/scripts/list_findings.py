"""Sum up every question in one row."""

from tybalt.adapter import run
from tybalt.meaning import list_findings

run(list_findings, snakemake)
