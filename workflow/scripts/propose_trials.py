"""Ask the tuner for the settings of one round, given the scores of all earlier rounds."""

from tybalt.adapter import run
from tybalt.proposals import propose_trials

run(propose_trials, snakemake)
