"""Write the codes of a replicate before their rotation."""

from tybalt.analysis.rotation_comparison import unrotate_replicate
from tybalt.jobs.adapter import run

run(unrotate_replicate, snakemake)
