"""Simulate the raw files of a dataset, as its kind does."""

from tybalt.data.kinds import load
from tybalt.jobs.adapter import run

run(load(snakemake.params.settings["kind"]).simulate, snakemake)
