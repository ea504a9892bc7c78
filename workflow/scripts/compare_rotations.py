"""Put what rotated features say beside what the codes say."""

from tybalt.analysis.rotation_comparison import compare_rotations
from tybalt.jobs.adapter import run

run(compare_rotations, snakemake)
