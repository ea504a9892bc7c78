"""Small worlds for basic autoencoders: a few independent genes, and genes that follow from them.

After the lecture "Deep Learning by Example on Biowulf", class 3
(https://hpc.nih.gov/training/deep_learning_by_example.html): a gene that is expressed if and only
if two others are is no linear function of them, so a linear code needs a feature for it and a deep
one does not.
"""

import logging
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.matrix import PARTS, write_matrix
from tybalt.data.samples import write_samples
from tybalt.data.scaling import gene_statistics
from tybalt.data.split import split_samples
from tybalt.plan.errors import InputError, suggest
from tybalt.plan.names import SOLE_BLOCK

LOG = logging.getLogger(__name__)

#: What the independent genes are.
VALUES = ("binary", "uniform")

#: The column of what the split keeps together.
GROUP = "patient"


def generate_logic_genes(
    logic: Mapping[str, Any], split: Mapping[str, Any], seed: int, matrix: str, samples: str
) -> None:
    """Make a matrix of independent genes and functions of them, split at random.

    Parameters
    ----------
    logic
        ``samples``; ``independent``: number of independent genes; ``values``: binary or uniform,
        see `logic_genes`.
    split
        See `tybalt.data.split.split_samples`. Every sample is a group of its own and there are
        no strata, so a stratified split is a random one.
    seed
        Of the values and of the split.
    matrix
        Output `matrix.h5ad`, as `tybalt.data.preprocess` writes it; the values are in 0..1 as
        they are (offset 0, scale 1).
    samples
        Output `samples.tsv`.

    Notes
    -----
    Binary genes have few patterns (2 to the number of independent genes), so validation samples
    repeat training samples: what is measured is whether a code can hold them, not whether it
    generalises.
    """
    if logic["values"] not in VALUES:
        raise InputError(
            f"logic.values: found {logic['values']!r}; {suggest(logic['values'], VALUES)}"
        )
    X = logic_genes(logic["samples"], logic["independent"], logic["values"], seed)
    digits = len(str(len(X)))
    names = pd.Index([f"s{i:0{digits}d}" for i in range(1, len(X) + 1)], name="sample")
    obs = pd.DataFrame({GROUP: names.to_numpy()}, index=names)
    obs["split"] = split_samples(obs, split, {"group": GROUP, "strata": []}, seed)
    train = X.to_numpy()[(obs["split"] == PARTS[0]).to_numpy()]
    var = gene_statistics(train.T).assign(offset=0.0, scale=1.0)
    var.index = pd.Index(X.columns, name="gene")
    var.insert(0, "rank_statistic", train.var(axis=0))
    values = np.ascontiguousarray(X.to_numpy(np.float32))
    patterns = len(np.unique(values, axis=0))
    LOG.info("%d samples, %d genes, %d distinct patterns", *values.shape, patterns)
    notes = {
        **{f"logic_{key}": value for key, value in logic.items()},
        "scaling": {SOLE_BLOCK: "none"},
        "split": split["method"],
        "counts": {"samples": len(X), "chosen_genes": len(var), "patterns": patterns},
    }
    write_matrix(matrix, values, obs, var, notes)
    write_samples(obs, samples)


def logic_genes(n_samples: int, independent: int, values: str, seed: int) -> pd.DataFrame:
    """Draw independent genes, and compute those that follow from them.

    Parameters
    ----------
    n_samples, independent
        Numbers of samples and of independent genes ``g1``, ``g2`` ...
    values
        ``binary``: a gene is on (1) or off (0), with a probability that is drawn anew, evenly from
        0..1, for every sample and is the same for its genes; then the product of every pair
        (``g1*g2``: on if both are). As the lecture has it: 2 independent genes give 3 columns, 3
        give 6.
        ``uniform``: even in 0..1; then the product of every pair, and of every gene one full wave,
        (1 + sin(2 pi g)) / 2 (``wave(g1)``). 3 independent genes give 9 columns, as many as the
        example of an older edition of the lecture; the functions are ours.
    seed
        Whole number.

    Returns
    -------
    pandas.DataFrame
        Samples x genes, in 0..1.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.random((n_samples, independent))
    if values == "binary":
        drawn = (drawn < rng.random((n_samples, 1))).astype(float)
    genes = {f"g{i + 1}": drawn[:, i] for i in range(independent)}
    products = {f"{a}*{b}": genes[a] * genes[b] for a, b in combinations(genes, 2)}
    waves = (
        {}
        if values == "binary"
        else {f"wave({name})": 0.5 + 0.5 * np.sin(2 * np.pi * gene) for name, gene in genes.items()}
    )
    return pd.DataFrame({**genes, **products, **waves})
