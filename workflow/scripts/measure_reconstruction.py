"""Compare every gene and every sample with its deterministic reconstruction."""

from tybalt.analysis.encoding import measure_reconstruction
from tybalt.jobs.adapter import run

run(measure_reconstruction, snakemake)
