"""Write one page that says what was trained and what was found."""

from tybalt.adapter import run
from tybalt.summary import write_summary

run(write_summary, snakemake)
