"""The winner trained again with other seeds: how far its code is a matter of chance."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from tybalt.data.matrix import read_obs, read_values
from tybalt.jobs.files import read_json, write_table
from tybalt.training.bundle import feature_table
from tybalt.training.train import train

log = logging.getLogger(__name__)


def train_replicate(
    matrix: str,
    best: str,
    training: Mapping[str, Any],
    seed: int,
    replicate: str,
    checkpoint: Mapping[str, Any] | None = None,
) -> None:
    """Train the winning setting with another seed, and keep the codes.

    Parameters
    ----------
    matrix, best
        Inputs ``matrix.h5ad`` and ``best.json``.
    training, checkpoint
        As in `tybalt.training.train.train_trial`.
    seed
        Initial weights, shuffling and noise follow from it.
    replicate
        Output: sample, z1 ... zK, as encoding.tsv.gz. A training that diverges gives a code without
        any meaning: 0 in every sample.
    """
    winner = read_json(best)
    autoencoder, result, _ = train(
        matrix, winner["module"], winner["hyperparameters"], training, seed, checkpoint
    )
    codes = autoencoder.encode(read_values(matrix))
    if result.status != "ok":
        log.warning("the training diverged with this seed: its codes are set to 0")
        codes = np.zeros_like(codes)
    write_table(feature_table(codes, "sample", read_obs(matrix).index), replicate)
