"""Train the winner of a search again and keep the model."""

from tybalt.jobs.adapter import run
from tybalt.training.train import train_model

run(train_model, snakemake)
