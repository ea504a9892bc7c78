"""Turn thresholded copy number into tables of gains and losses, sample x gene."""

from tybalt.adapter import run
from tybalt.data.copy_number import call_copy_number

run(call_copy_number, snakemake)
