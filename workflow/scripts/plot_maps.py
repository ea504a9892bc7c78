"""Draw what every map keeps of the samples' neighbours and cancer types."""

from tybalt.adapter import run
from tybalt.figures.plot_maps import plot_maps

run(plot_maps, snakemake)
