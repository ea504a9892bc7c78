"""Put matrix, codes, maps and findings of a dataset into one file for scanpy."""

from tybalt.adapter import run
from tybalt.study_file import assemble_study

run(assemble_study, snakemake)
