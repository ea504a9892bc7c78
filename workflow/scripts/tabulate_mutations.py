"""Turn a list of mutations into a table, sample x gene, and count them per sample."""

from tybalt.adapter import run
from tybalt.data.mutations import tabulate_mutations

run(tabulate_mutations, snakemake)
