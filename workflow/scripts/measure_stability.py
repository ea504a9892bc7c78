"""Find each feature again in trainings with other seeds."""

from tybalt.analysis.stability import measure_stability
from tybalt.jobs.adapter import run

run(measure_stability, snakemake)
