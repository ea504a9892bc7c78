"""Get one table of a study from the network or from a folder, complete and verified."""

from tybalt.data.sources.download import download_source
from tybalt.jobs.adapter import run

run(download_source, snakemake)
