"""Kinds of datasets: one module each, found by its file (`kind: logic-genes` is logic_genes.py).

At module level a kind needs the standard library only, for it is loaded while Snakemake parses:

- `BLOCK`: the key of a dataset entry that belongs to this kind alone;
- `COLUMNS`: a file of resources/ that says what is known of its columns (their order, their
  colours, what is asked of them), or None;
- `FACTS`: what is true of all its datasets, in the words of `tybalt.plan.outputs`;
- `SEED`: the word that the seed of `read` is derived from; `split` if it splits and does nothing
  else, so that the split may be repeated (`split.repeats`);
- `READS`: the keys of a completed entry that `read` depends on;
- `complete(where, entry, sources)`: the entry, checked, with `columns` (what is known of each
  sample) and `roles` filled in; InputError names what is wrong;
- `raw_files(name, entry, places)`: table -> path of the raw files, `expression` (of a dataset with
  blocks a list, in their order) and companions;
- `check_blocks(where, entry)`: only of a kind that may have several blocks; InputError for blocks
  that it has not;
- `read(settings, seed, matrix, samples, ...)`: runs as the rule `read_dataset`, with the raw files
  that `inputs` names.

A kind whose raw files are simulated also has `RESOURCES` (reference tables), `RAW` (output -> file
name below raw/), `SIMULATES` (keys of the entry) and `simulate(tables, settings, seed, ...)`, which
runs as the rule `simulate_dataset`.
"""

import importlib
from types import ModuleType


def load(kind: str) -> ModuleType:
    """Return the module of a kind by the name that a config gives it."""
    return importlib.import_module(f"tybalt.data.kinds.{kind.replace('-', '_')}")
