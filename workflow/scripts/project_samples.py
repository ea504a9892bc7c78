"""Place a new cohort on the map of a trained model."""

from tybalt.adapter import run
from tybalt.projection import project_samples

run(project_samples, snakemake)
