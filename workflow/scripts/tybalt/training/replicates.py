"""The winner trained again with other seeds: how far its code is a matter of chance."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tybalt.jobs.files import read_json, write_table
from tybalt.training.bundle import feature_names, feature_table, rotate
from tybalt.training.rows import read_seen
from tybalt.training.train import rotation_of, train

log = logging.getLogger(__name__)


def train_replicate(
    matrix: str,
    bases: Sequence[str],
    best: str,
    training: Mapping[str, Any],
    rotation: str,
    seed: int,
    replicate: str,
    replicate_rotation: str,
    checkpoint: Mapping[str, Any] | None = None,
) -> None:
    """Train the winning setting with another seed, and keep the codes.

    Parameters
    ----------
    matrix, bases, best
        Inputs as of `tybalt.training.train.train_model`.
    training, rotation, checkpoint
        As in `tybalt.training.train.train_model`.
    seed
        Initial weights, shuffling and noise follow from it.
    replicate
        Output: sample, z1 ... zK, as encoding.tsv.gz. A training that diverges gives a code without
        any meaning: 0 in every sample.
    replicate_rotation
        Output: code, z1 ... zK: its own rotation, codes x features; without one the identity.
    """
    winner = read_json(best)
    trained = train(matrix, bases, winner["hyperparameters"], training, seed, checkpoint)
    seen = read_seen(matrix, training["blocks"])
    codes = trained.model.encode(seen.X)
    matrix_of = None
    if trained.result.status == "ok":
        matrix_of = rotation_of(trained, training["module"], rotation)
    if trained.result.status != "ok":
        log.warning("the training diverged with this seed: its codes are set to 0")
        codes = np.zeros_like(codes)
    write_table(feature_table(rotate(codes, matrix_of), "sample", seen.names), replicate)
    written = np.eye(codes.shape[1]) if matrix_of is None else matrix_of
    write_table(feature_table(written, "code", feature_names(len(written))), replicate_rotation)
