"""Put the results of every split of a dataset side by side."""

from tybalt.analysis.repeats import compare_repeats
from tybalt.jobs.adapter import run

run(compare_repeats, snakemake)
