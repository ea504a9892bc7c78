"""Find the feature that best helps another one to separate each named contrast."""

from tybalt.analysis.feature_pairs import pair_features
from tybalt.jobs.adapter import run

run(pair_features, snakemake)
