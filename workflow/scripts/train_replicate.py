"""Train the winning setting with another seed, and keep the codes."""

from tybalt.jobs.adapter import run
from tybalt.training.replicates import train_replicate

run(train_replicate, snakemake)
