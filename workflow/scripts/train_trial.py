"""Train one hyperparameter setting and score it on the validation samples."""

from tybalt.jobs.adapter import run
from tybalt.training.train import train_trial

run(train_trial, snakemake)
