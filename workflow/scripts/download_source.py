"""Get one table of a study from the network or from a folder, complete and verified."""

from tybalt.adapter import run
from tybalt.data.sources import download_source

run(download_source, snakemake)
