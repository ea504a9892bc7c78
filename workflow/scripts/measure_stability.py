"""Find each feature again in trainings with other seeds."""

from tybalt.adapter import run
from tybalt.stability import measure_stability

run(measure_stability, snakemake)
