"""Tell which contrasts a split can test, and which split would test more."""

from tybalt.analysis.testable import count_testable
from tybalt.jobs.adapter import run

run(count_testable, snakemake)
