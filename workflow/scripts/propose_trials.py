"""Ask the tuner for the settings of one round, given the scores of all earlier rounds."""

from tybalt.jobs.adapter import run
from tybalt.tuning.proposals import propose_trials

run(propose_trials, snakemake)
