"""The winner trained again: with other seeds, and on bootstrap samples of the training groups."""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.matrix import read_column, read_ids
from tybalt.jobs.files import read_json, write_table
from tybalt.training.bundle import feature_names, feature_table, rotate
from tybalt.training.rows import Rows, read_seen
from tybalt.training.train import rotation_of, train

log = logging.getLogger(__name__)


def train_replicate(
    matrix: str,
    bases: Sequence[str],
    best: str,
    training: Mapping[str, Any],
    drawn: str | None,
    rotation: str,
    seed: int,
    replicate: str,
    replicate_rotation: str,
    checkpoint: Mapping[str, Any] | None = None,
) -> None:
    """Train the winning setting again, and keep the codes of all samples.

    Either with another seed, which says how far the optimizer leaves the code to chance; or on a
    bootstrap sample of the training part, which says how far the samples do (Efron 1979,
    https://doi.org/10.1214/aos/1176344552). Then initial weights, shuffling and noise have the seed
    of the winner, so that the samples alone change; validation samples are left as they are.

    Parameters
    ----------
    matrix, bases, best
        Inputs as of `tybalt.training.train.train_model`.
    training, rotation, checkpoint
        As in `tybalt.training.train.train_model`.
    drawn
        Column with the groups that a bootstrap sample draws; None to train with another seed.
    seed
        Of the drawing; of the training, where nothing is drawn.
    replicate
        Output: sample, z1 ... zK, as encoding.tsv.gz. A training that diverges gives a code without
        any meaning: 0 in every sample.
    replicate_rotation
        Output: code, z1 ... zK: its own rotation, codes x features; without one the identity.
    """
    winner = read_json(best)
    redraw = None
    if drawn is not None:
        redraw = bootstrap_of(matrix, drawn, seed)
        seed = winner["seed"]
    settings = winner["hyperparameters"]
    trained = train(matrix, bases, settings, training, seed, checkpoint, redraw)
    seen = read_seen(matrix, training["blocks"])
    codes = trained.model.encode(seen.X)
    matrix_of = None
    if trained.result.status == "ok":
        matrix_of = rotation_of(trained, training["module"], rotation)
    else:
        log.warning("the training diverged: its codes are set to 0")
        codes = np.zeros_like(codes)
    write_table(feature_table(rotate(codes, matrix_of), "sample", seen.names), replicate)
    written = np.eye(codes.shape[1]) if matrix_of is None else matrix_of
    write_table(feature_table(written, "code", feature_names(len(written))), replicate_rotation)


def bootstrap_of(matrix: str, column: str, seed: int) -> Callable[[Rows], Rows]:
    """Return the function that draws groups of rows with replacement, as many rows as it is given.

    Parameters
    ----------
    matrix
        ``matrix.h5ad``.
    column
        Of its table of rows: what each row belongs to.
    seed
        Of the drawing.
    """
    group_of = dict(zip(read_ids(matrix), read_column(matrix, column), strict=True))

    def redraw(rows: Rows) -> Rows:
        groups = np.array([group_of[name] for name in rows.names], dtype=object)
        positions = draw_positions(groups, np.random.default_rng(seed))
        drawn = rows.only(positions)
        log.info("%d of %d groups were drawn", len({*groups[positions]}), len({*groups}))
        if drawn.weight is None:
            return drawn
        weight = (drawn.weight / drawn.weight.mean()).astype(np.float32)
        return dataclasses.replace(drawn, weight=weight)

    return redraw


def draw_positions(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw groups with replacement until there are as many rows as before; return their positions.

    Samples of one group are no independent witnesses, so they are drawn together (Field and Welsh
    2007, https://doi.org/10.1111/j.1467-9868.2007.00593.x). The last group may come in part: a
    training has as many rows as the winner's, and its batches the same size.

    Parameters
    ----------
    groups
        Of each row.

    Returns
    -------
    numpy.ndarray
        int64, as many as rows, ascending; a row may come several times.
    """
    of_row, names = pd.factorize(groups)
    members = [np.flatnonzero(of_row == number) for number in range(len(names))]
    # Every group has a row, so as many draws as rows are enough.
    picked = [members[number] for number in rng.integers(0, len(names), len(groups))]
    return np.sort(np.concatenate(picked)[: len(groups)])
