"""The winner trained again with other seeds: how far its code is a matter of chance."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tybalt.jobs.files import read_json, write_table
from tybalt.training.bundle import feature_table
from tybalt.training.rows import read_seen
from tybalt.training.train import train

log = logging.getLogger(__name__)


def train_replicate(
    matrix: str,
    bases: Sequence[str],
    best: str,
    training: Mapping[str, Any],
    seed: int,
    replicate: str,
    checkpoint: Mapping[str, Any] | None = None,
) -> None:
    """Train the winning setting with another seed, and keep the codes.

    Parameters
    ----------
    matrix, bases, best
        Inputs as of `tybalt.training.train.train_model`.
    training, checkpoint
        As in `tybalt.training.train.train_trial`.
    seed
        Initial weights, shuffling and noise follow from it.
    replicate
        Output: sample, z1 ... zK, as encoding.tsv.gz. A training that diverges gives a code without
        any meaning: 0 in every sample.
    """
    winner = read_json(best)
    trained = train(matrix, bases, winner["hyperparameters"], training, seed, checkpoint)
    seen = read_seen(matrix, training["blocks"])
    codes = trained.model.encode(seen.X)
    if trained.result.status != "ok":
        log.warning("the training diverged with this seed: its codes are set to 0")
        codes = np.zeros_like(codes)
    write_table(feature_table(codes, "sample", seen.names), replicate)
