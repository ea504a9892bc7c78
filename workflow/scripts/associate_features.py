"""Ask every latent feature every question of the dataset."""

from tybalt.adapter import run
from tybalt.meaning import associate_features

run(associate_features, snakemake)
