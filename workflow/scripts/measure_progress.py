"""Follow the best score of every search of a model."""

from tybalt.jobs.adapter import run
from tybalt.tuning.progress import measure_progress

run(measure_progress, snakemake)
