"""Draw every measure of every trained model."""

from tybalt.figures.plot_leaderboard import plot_leaderboard
from tybalt.jobs.adapter import run

run(plot_leaderboard, snakemake)
