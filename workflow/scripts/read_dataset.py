"""Read, clean, scale and split a matrix, as the kind of its dataset does."""

from tybalt.data.kinds import load
from tybalt.jobs.adapter import run

run(load(snakemake.params.settings["kind"]).read, snakemake)
