"""Put the read-outs of all models side by side."""

from tybalt.analysis.readout_comparison import compare_readouts
from tybalt.jobs.adapter import run

run(compare_readouts, snakemake)
