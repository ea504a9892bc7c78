"""Compare every gene and every sample with its deterministic reconstruction."""

from tybalt.adapter import run
from tybalt.latent import measure_reconstruction

run(measure_reconstruction, snakemake)
