"""Train the winning setting with another seed, and keep the codes."""

from tybalt.adapter import run
from tybalt.replicates import train_replicate

run(train_replicate, snakemake)
