"""Write codes and weights as the model gives them, before their rotation."""

from tybalt.analysis.rotation_comparison import unrotate_features
from tybalt.jobs.adapter import run

run(unrotate_features, snakemake)
