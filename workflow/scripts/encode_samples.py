"""Write the mean code of every sample."""

from tybalt.analysis.encoding import encode_samples
from tybalt.jobs.adapter import run

run(encode_samples, snakemake)
