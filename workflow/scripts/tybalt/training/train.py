"""Train a model, score every epoch, keep the best: the same for every model and tuner."""

import dataclasses
import importlib.util
import logging
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.matrix import read_genes, read_notes, read_obs, read_parts, read_var
from tybalt.jobs.checkpoint import Checkpoint, Progress
from tybalt.jobs.files import read_json, write_json, write_table
from tybalt.plan.errors import InputError
from tybalt.plan.hyperparameters import coerce
from tybalt.training.bundle import Bundle, feature_names, save_bundle
from tybalt.training.model import Autoencoder, create, load_module

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Training:
    """How one training went.

    Parameters
    ----------
    status
        ``ok`` or ``diverged`` (a loss or score that is not finite).
    history
        Column -> one value per epoch.
    best_epoch
        The epoch whose weights the model now has; None if the training diverged.
    """

    status: str
    history: dict[str, list]
    best_epoch: int | None

    @property
    def score(self) -> float | None:
        """The score of the best epoch."""
        return None if self.best_epoch is None else self.history["score"][self.best_epoch - 1]


@dataclasses.dataclass(frozen=True)
class States:
    """Folders for the state that a training ends in, so that a longer one can go on from it.

    A state is a checkpoint (`tybalt.jobs.checkpoint`), so it is never needed: without it, or with
    that of other code, settings, seed, data or threads, the longer training begins at its first
    epoch and comes to the same numbers.

    Parameters
    ----------
    taken
        Where to look for the state to go on from; None for a training that begins.
    left
        Where to leave the state for a later one; None if there will be none.
    """

    taken: str | None = None
    left: str | None = None


def train_trial(
    matrix: str,
    proposals: str | Sequence[str],
    trial: str,
    slot: str,
    module: str,
    hyperparameters: Mapping[str, Any] | None,
    training: Mapping[str, Any],
    seed: int,
    states: str,
    goes_on: bool,
    checkpoint: Mapping[str, Any] | None = None,
) -> None:
    """Train one hyperparameter setting and score it on the validation samples.

    Parameters
    ----------
    matrix
        Input ``matrix.h5ad``.
    proposals
        Input ``proposals.json`` of the trial's round; empty in an open loop.
    trial
        Output JSON. A slot without a proposal gets the status ``empty``.
    slot
        Which training it is: ``r0/s03/e0``.
    module, hyperparameters
        Model and values of its HParams (the rest are defaults); None: those of the proposal.
    training
        ``backend`` (tensorflow | jax), ``objective`` (elbo | reconstruction) and ``patience``
        (epochs without a better score after which the training stops; 0 = never).
    seed
        Initial weights, shuffling and noise follow from it. A training that goes on has the seed
        that it began with.
    states
        Folder of the states that trainings of this search leave for later ones.
    goes_on
        Whether a later round may go on from this training.
    checkpoint
        Where to keep an unfinished training (see `tybalt.jobs.adapter`); None to keep none.

    Raises
    ------
    InputError
        If matrix and hyperparameters do not go together; before anything is trained.
    """
    round_, name, execution = slot.split("/")
    proposal = None
    if hyperparameters is None:
        proposal = read_json(proposals)["trials"][name]
        if proposal is None:
            log.info("the tuner had nothing to propose for this slot")
            write_json(empty(module, training["objective"]), trial)
            return
        hyperparameters = proposal["hyperparameters"]
    parent = proposal and proposal["continues"]
    if parent:
        seed = proposal["seeds"][execution]
    taken = f"{states}/{parent}/{execution}" if parent else None
    left = f"{states}/{slot}" if goes_on else None
    autoencoder, result = train(
        matrix, module, hyperparameters, training, seed, checkpoint, States(taken, left)
    )
    write_json(
        {
            "status": result.status,
            "score": result.score,
            "objective": training["objective"],
            "module": module,
            "hyperparameters": dataclasses.asdict(autoencoder.hp),
            "seed": seed,
            "epochs": len(result.history["epoch"]),
            "best_epoch": result.best_epoch,
            "parameters": autoencoder.n_parameters(),
            "warnings": find_warnings(result, autoencoder.hp.latent_dim),
            "history": result.history,
            "proposal": proposal,
        },
        trial,
    )
    if taken:
        shutil.rmtree(taken, ignore_errors=True)


def empty(module: str, objective: str) -> dict[str, Any]:
    """Return the record of a slot that was left empty."""
    return {
        "status": "empty",
        "score": None,
        "objective": objective,
        "module": module,
        "hyperparameters": {},
        "seed": None,
        "epochs": 0,
        "best_epoch": None,
        "parameters": None,
        "warnings": [],
        "history": {},
        "proposal": None,
    }


def train_model(
    matrix: str,
    best: str,
    model: str,
    history: str,
    training: Mapping[str, Any],
    checkpoint: Mapping[str, Any] | None = None,
) -> None:
    """Train the winner of a search again, as its trial was trained, and keep the model.

    Parameters
    ----------
    matrix, best
        Inputs ``matrix.h5ad`` and ``best.json``.
    model, history
        Outputs ``model.zip`` and ``history.tsv``; the column `best` marks the epoch that was kept.
    training, checkpoint
        As in `train_trial`.

    Raises
    ------
    RuntimeError
        If the training diverges.
    """
    winner = read_json(best)
    autoencoder, result = train(
        matrix, winner["module"], winner["hyperparameters"], training, winner["seed"], checkpoint
    )
    if result.status != "ok":
        raise RuntimeError(f"{best}: the training of the winner diverged; see {history}")
    obs = read_obs(matrix)
    training_samples = obs.index[obs["split"] == "train"]
    codes = autoencoder.encode(read_parts(matrix, ["train"])["train"])
    bundle = Bundle(
        module=winner["module"],
        autoencoder=autoencoder,
        genes=read_var(matrix)[["offset", "scale", "minimum", "maximum", "mean"]],
        codes=pd.DataFrame(codes, training_samples, feature_names(codes.shape[1])),
        notes={
            "scaling": read_notes(matrix)["scaling"],
            "seed": winner["seed"],
            "objective": training["objective"],
            "best_epoch": result.best_epoch,
            "score": result.score,
            "warnings": find_warnings(result, autoencoder.hp.latent_dim),
        },
    )
    save_bundle(bundle, model)
    table = pd.DataFrame(result.history)
    write_table(table.assign(best=table["epoch"] == result.best_epoch), history)


def train(
    matrix: str,
    module: str,
    hyperparameters: Mapping[str, Any],
    training: Mapping[str, Any],
    seed: int,
    checkpoint: Mapping[str, Any] | None = None,
    states: States = States(),
) -> tuple[Autoencoder, Training]:
    """Read, check, create and fit; return the model with the weights of its best epoch."""
    choose_backend(training["backend"])
    parts = read_parts(matrix, ["train", "validation"])
    hp = coerce(load_module(module).HParams, hyperparameters, "hyperparameters")
    check_input(matrix, parts, module, hp)
    check_objective(training["objective"], module)
    values = dataclasses.asdict(hp)
    genes = read_genes(matrix)
    autoencoder = create(module, len(genes), values, seed, genes)
    kept = taken = left = None
    if checkpoint is not None:
        depends_on = {
            "module": module,
            # A run of 10 epochs is the beginning of a run of 100.
            "hyperparameters": {k: v for k, v in values.items() if k != "epochs"},
            "training": dict(training),
            "seed": seed,
            "code": checkpoint["code"],
            "threads": checkpoint["threads"],
        }
        data = [*parts.values(), *autoencoder.knowledge.values()]
        kept = Checkpoint(checkpoint["folder"], checkpoint["every"], depends_on, data)
        taken, left = (path and kept.at(path) for path in (states.taken, states.left))
    result = fit_and_keep_best(
        autoencoder,
        parts["train"],
        parts["validation"],
        seed,
        training["objective"],
        training["patience"],
        checkpoint=kept,
        taken=taken,
        left=left,
    )
    return autoencoder, result


def choose_backend(backend: str) -> None:
    """Put a framework under Keras; this must come before the first import of Keras.

    Raises
    ------
    InputError
        If the framework is not installed.
    """
    if importlib.util.find_spec(backend) is None:
        raise InputError(
            f"training.backend: {backend} is not installed in this environment; "
            f"install it (pip install {backend}) or choose tensorflow"
        )
    os.environ["KERAS_BACKEND"] = backend


def check_input(matrix: str, parts: Mapping[str, np.ndarray], module: str, hp: Any) -> None:
    """Refuse a matrix that the model cannot be trained on; raise InputError."""
    for part, X in parts.items():
        if not np.isfinite(X).all():
            sample, gene = np.argwhere(~np.isfinite(X))[0]
            raise InputError(
                f"{matrix}: {part} sample {sample + 1}, gene {gene + 1}: found {X[sample, gene]}, "
                "expected a number; run preprocessing again"
            )
    X = parts["train"]
    batch_size = getattr(hp, "batch_size", 1)
    if batch_size > len(X):
        raise InputError(
            f"batch_size: found {batch_size}, but {matrix} has only {len(X)} training samples; "
            "choose a smaller batch_size"
        )
    low, high = min(X.min() for X in parts.values()), max(X.max() for X in parts.values())
    refusal = load_module(module).refuse(hp, X.shape, (float(low), float(high)))
    if refusal:
        raise InputError(f"{matrix}: {refusal}")


def check_objective(objective: str, module: str) -> None:
    """Refuse to score a model by a KL divergence that it does not have; raise InputError."""
    if objective == "elbo" and load_module(module).OBJECTIVE != "elbo":
        raise InputError(
            f"objective: found 'elbo', but {module} has no KL divergence; use reconstruction"
        )


def fit_and_keep_best(
    autoencoder: Autoencoder,
    train: np.ndarray,
    validation: np.ndarray,
    seed: int,
    objective: str,
    patience: int,
    checkpoint: Checkpoint | None = None,
    taken: Checkpoint | None = None,
    left: Checkpoint | None = None,
) -> Training:
    """Fit, score every epoch, and leave the model with the weights of its best epoch.

    Only epochs at which the warm-up of every penalty has ended are eligible; if there are none,
    the last epoch counts. A training that goes on from a checkpoint ends as it would have ended
    undisturbed: from its own, or else from `taken`, the end of a shorter training. It leaves its
    end in `left`.
    """
    progress = resume(autoencoder, checkpoint, taken)
    history = progress.history
    has_stopped = bool(patience) and progress.since_best >= patience
    first_epoch = progress.epochs + 1
    for record in [] if has_stopped else autoencoder.fit(train, validation, seed, first_epoch):
        record["score"] = score(record, objective, autoencoder.n_genes)
        if not all(math.isfinite(value) for value in record.values()):
            log.info("epoch %d: diverged", record["epoch"])
            return Training("diverged", history or {column: [] for column in record}, None)
        log.info("epoch %d: %s", record["epoch"], describe(record))
        note(progress, record, autoencoder)
        if patience and progress.since_best >= patience:
            log.info("stopped: no better score for %d epochs", patience)
            break
        if (
            checkpoint
            and is_unfinished(autoencoder, progress)
            and checkpoint.is_due(progress.epochs)
        ):
            checkpoint.save(progress, autoencoder.state())
    if left:
        left.save(progress, autoencoder.state())
    if progress.best_arrays is None:
        return Training("ok", history, history["epoch"][-1])
    autoencoder.load(progress.best_arrays)
    return Training("ok", history, progress.best_epoch)


def resume(autoencoder: Autoencoder, *checkpoints: Checkpoint | None) -> Progress:
    """Put the model where an earlier attempt or a shorter training stood; else begin."""
    for checkpoint in checkpoints:
        found = checkpoint.load(getattr(autoencoder.hp, "epochs", 1)) if checkpoint else None
        if found is not None:
            progress, state = found
            autoencoder.resume(state)
            return progress
    return Progress()


def note(progress: Progress, record: Mapping[str, Any], autoencoder: Autoencoder) -> None:
    """Write an epoch into the progress; keep the model's arrays if it is the best so far."""
    for column, value in record.items():
        progress.history.setdefault(column, []).append(value)
    if not record["eligible"]:
        return
    scores, best = progress.history["score"], progress.best_epoch
    if best is None or record["score"] < scores[best - 1]:
        progress.best_epoch, progress.best_arrays = record["epoch"], autoencoder.arrays()
        progress.since_best = 0
    else:
        progress.since_best += 1


def is_unfinished(autoencoder: Autoencoder, progress: Progress) -> bool:
    """Tell whether epochs are left; a model in closed form has one and no more."""
    return progress.epochs < getattr(autoencoder.hp, "epochs", 1)


def score(record: Mapping[str, float], objective: str, n_genes: int) -> float:
    """Score an epoch on the validation samples; lower is better.

    Everything is taken at the deterministic reconstruction (code = mean), without noise and
    without penalties, whatever the weights in the training loss.

    Parameters
    ----------
    record
        One epoch of the history.
    objective
        ``reconstruction``: mean squared error per gene. ``elbo``: `n_genes` x binary
        cross-entropy + 1 x KL divergence, per sample (the negative evidence lower bound, with the
        reconstruction of the mean code in place of the expectation).
    """
    if objective == "reconstruction":
        return record["validation_mse"]
    return n_genes * record["validation_bce"] + record["validation_kl"]


def find_warnings(result: Training, n_features: int) -> list[str]:
    """Say what a reader of the result should know: collapse, dead features, no settled epoch."""
    if result.best_epoch is None:
        return []
    i = result.best_epoch - 1
    active = result.history["active_units"][i]
    warnings = []
    if active == 0:
        warnings.append(f"posterior collapse: none of {n_features} features is active")
    elif active < n_features:
        warnings.append(f"{n_features - active} of {n_features} features are not active")
    if not result.history["eligible"][i]:
        warnings.append("the warm-up had not ended when the training did; the last epoch counts")
    return warnings


def describe(record: Mapping[str, float]) -> str:
    """Write an epoch's record in one line of the log."""
    return ", ".join(
        f"{name} {value:.6g}" for name, value in record.items() if name not in ("epoch", "eligible")
    )
