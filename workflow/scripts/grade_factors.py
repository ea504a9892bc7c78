"""Measure how much of every planted factor a code explains."""

from tybalt.adapter import run
from tybalt.truth import grade_factors

run(grade_factors, snakemake)
