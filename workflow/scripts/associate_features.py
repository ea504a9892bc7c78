"""Test every latent feature for every contrast of the dataset."""

from tybalt.analysis.associations import associate_features
from tybalt.jobs.adapter import run

run(associate_features, snakemake)
