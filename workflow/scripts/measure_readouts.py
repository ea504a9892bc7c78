"""Read every contrast out of the whole code."""

from tybalt.analysis.readouts import measure_readouts
from tybalt.jobs.adapter import run

run(measure_readouts, snakemake)
