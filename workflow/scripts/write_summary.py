"""Write one page that says what was trained and what was found."""

from tybalt.jobs.adapter import run
from tybalt.pages.summary import write_summary

run(write_summary, snakemake)
