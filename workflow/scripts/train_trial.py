"""Train one hyperparameter setting and score it on the validation samples."""

from tybalt.adapter import run
from tybalt.training import train_trial

run(train_trial, snakemake)
