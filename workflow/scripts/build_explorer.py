"""Put every embedding of a dataset on one page to explore, without a server."""

from tybalt.jobs.adapter import run
from tybalt.pages.explorer import build_explorer

run(build_explorer, snakemake)
