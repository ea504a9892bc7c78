"""Find each feature again in trainings with other seeds and on bootstrap samples."""

from tybalt.analysis.stability import measure_stability
from tybalt.jobs.adapter import run

run(measure_stability, snakemake)
