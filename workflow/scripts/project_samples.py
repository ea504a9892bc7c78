"""Place a new cohort in the embedding of a trained model."""

from tybalt.analysis.projection import project_samples
from tybalt.jobs.adapter import run

run(project_samples, snakemake)
