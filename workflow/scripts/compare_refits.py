"""Look for the association of each contrast in the trainings on bootstrap samples."""

from tybalt.analysis.refits import compare_refits
from tybalt.jobs.adapter import run

run(compare_refits, snakemake)
