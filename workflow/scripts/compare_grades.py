"""Put the grades of the models of a simulated cohort side by side."""

from tybalt.adapter import run
from tybalt.truth import compare_grades

run(compare_grades, snakemake)
