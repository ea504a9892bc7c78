"""Write the mean code of every sample."""

from tybalt.adapter import run
from tybalt.latent import encode_samples

run(encode_samples, snakemake)
