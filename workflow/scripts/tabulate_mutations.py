"""Turn a list of mutations into a table, sample x gene, and count them per sample."""

from tybalt.data.tables.mutations import tabulate_mutations
from tybalt.jobs.adapter import run

run(tabulate_mutations, snakemake)
