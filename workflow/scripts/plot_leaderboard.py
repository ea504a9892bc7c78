"""Draw every measure of every trained model."""

from tybalt.adapter import run
from tybalt.figures.plot_leaderboard import plot_leaderboard

run(plot_leaderboard, snakemake)
