"""Turn thresholded copy number into tables of gains and losses, sample x gene."""

from tybalt.data.tables.copy_number import call_copy_number
from tybalt.jobs.adapter import run

run(call_copy_number, snakemake)
