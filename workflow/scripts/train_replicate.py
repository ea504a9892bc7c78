"""Train the winning setting again, with another seed or on a bootstrap sample; keep the codes."""

from tybalt.jobs.adapter import run
from tybalt.training.replicates import train_replicate

run(train_replicate, snakemake)
