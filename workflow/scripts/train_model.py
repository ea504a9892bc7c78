"""Train the winner of a search again and keep the model."""

from tybalt.adapter import run
from tybalt.training import train_model

run(train_model, snakemake)
