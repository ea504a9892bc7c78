"""List every column of the samples, and check the contrasts of the config."""

from tybalt.analysis.columns import describe_columns
from tybalt.jobs.adapter import run

run(describe_columns, snakemake)
