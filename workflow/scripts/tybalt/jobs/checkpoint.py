"""Where an unfinished training stood: a killed job goes on from there and ends as if undisturbed.

A checkpoint is a file that no rule declares, because Snakemake deletes what a job declares before
the job runs again. Its folder belongs to one training; its name is a hash of all that the rest of
the run depends on (code, settings, seed, data, threads, versions), so a checkpoint of anything
else is not taken for this one. The adapter removes the folder when the job has succeeded.
"""

import dataclasses
import hashlib
import json
import logging
import os
import time
import zipfile
from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

#: Trainings that take less than this write no checkpoint, and none writes more often.
MINIMUM_SECONDS = 20.0

#: Libraries of which another version may go on with other numbers.
VERSIONS = ("keras", "numpy", "tensorflow")

log = logging.getLogger(__name__)


@dataclasses.dataclass
class Progress:
    """What a training has come to, besides the state of its model.

    Parameters
    ----------
    history
        Column -> one value per epoch so far.
    best_epoch, best_arrays
        The best epoch so far and the model's arrays then; None while no epoch is eligible.
    since_best
        Eligible epochs since then.
    start
        The record of the model before its first epoch, if it has one.
    """

    history: dict[str, list] = dataclasses.field(default_factory=dict)
    best_epoch: int | None = None
    best_arrays: dict[str, np.ndarray] | None = None
    since_best: int = 0
    start: dict[str, Any] | None = None

    @property
    def epochs(self) -> int:
        """Epochs that are done."""
        return len(self.history.get("epoch", []))


class Checkpoint:
    """The checkpoint of one training.

    Parameters
    ----------
    folder
        Belongs to this training alone; made when the first checkpoint is written.
    every
        Epochs between checkpoints, at least (see `MINIMUM_SECONDS`).
    identity
        Plain values that the run depends on.
    data
        Arrays that the run depends on. They are read only if there is a checkpoint to look for
        or to write: hashing a full matrix takes a tenth of a second.
    """

    def __init__(
        self, folder: str, every: int, identity: Mapping[str, Any], data: Iterable[np.ndarray]
    ):
        self.folder = Path(folder)
        self.every = every
        self._identity = identity
        self._data = list(data)
        self._last = time.monotonic()

    @property
    def path(self) -> Path:
        """The file, named by what the run depends on."""
        return self.folder / f"{self._digest}.npz"

    @cached_property
    def _digest(self) -> str:
        versions = {name: metadata.version(name) for name in VERSIONS}
        text = json.dumps([dict(self._identity), versions], sort_keys=True)
        digest = hashlib.sha256(text.encode())
        for array in self._data:
            digest.update(f"{array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:16]

    def load(self, most: int | None = None) -> tuple[Progress, dict[str, np.ndarray]] | None:
        """Return the progress and the model's state to go on from, or None to start anew.

        A checkpoint of something else, one that cannot be read, or one that has come further
        than `most` epochs, is named in the log and left alone.
        """
        for other in sorted(self.folder.glob("*.npz")):
            if other != self.path:
                log.info("%s: of other code, settings, data or threads; ignored", other)
        if not self.path.exists():
            return None
        try:
            progress, state = read(self.path)
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            log.info("%s: cannot be read (%s); ignored", self.path, error)
            return None
        if most is not None and progress.epochs > most:
            log.info("%s: of a longer run (epoch %d); ignored", self.path, progress.epochs)
            return None
        log.info("%s: going on after epoch %d", self.path, progress.epochs)
        return progress, state

    def is_due(self, epoch: int) -> bool:
        """Tell whether to write one after this epoch."""
        return epoch % self.every == 0 and time.monotonic() - self._last >= MINIMUM_SECONDS

    def save(self, progress: Progress, state: Mapping[str, np.ndarray]) -> None:
        """Write a checkpoint beside the last one, then put it in its place."""
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.folder / f".{os.getpid()}-{self.path.name}.part"
        with unfinished.open("wb") as file:
            write(file, progress, state)
        unfinished.replace(self.path)
        self._last = time.monotonic()


def write(file: Any, progress: Progress, state: Mapping[str, np.ndarray]) -> None:
    """Write one npz: `progress` as JSON text (floats keep all digits), `state/*` and `best/*`."""
    plain = {
        "history": progress.history,
        "best_epoch": progress.best_epoch,
        "since_best": progress.since_best,
        "start": progress.start,
    }
    best = progress.best_arrays or {}
    np.savez(
        file,
        progress=np.frombuffer(json.dumps(plain).encode(), dtype=np.uint8),
        **{f"state/{name}": array for name, array in state.items()},
        **{f"best/{name}": array for name, array in best.items()},
    )


def read(path: Path) -> tuple[Progress, dict[str, np.ndarray]]:
    """Read what `write` wrote; the checksum of every array is checked on the way."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    plain = json.loads(arrays.pop("progress").tobytes())
    best = _below("best/", arrays)
    return Progress(**plain, best_arrays=best or None), _below("state/", arrays)


def _below(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
