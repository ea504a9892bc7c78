"""Measure whether the high-weight genes of each contrast's feature differ in expression."""

from tybalt.analysis.gene_differences import measure_gene_differences
from tybalt.jobs.adapter import run

run(measure_gene_differences, snakemake)
