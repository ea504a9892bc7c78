"""Hold the matrix of the published freeze against published facts."""

from tybalt.data.sources.published_check import check_published
from tybalt.jobs.adapter import run

run(check_published, snakemake)
