"""Measure every map against what it is a map of."""

from tybalt.adapter import run
from tybalt.maps import measure_maps

run(measure_maps, snakemake)
