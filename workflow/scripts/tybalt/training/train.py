"""Train a model, score every epoch, keep the best: the same for every model and tuner."""

import dataclasses
import importlib.util
import logging
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.matrix import read_features, read_notes, read_obs, read_parts, read_var
from tybalt.jobs.checkpoint import Checkpoint, Progress
from tybalt.jobs.files import read_json, write_json, write_table
from tybalt.plan.errors import InputError
from tybalt.plan.hyperparameters import coerce
from tybalt.training.bundle import Bundle, feature_names, save_bundle
from tybalt.training.model import Autoencoder, create, load_module
from tybalt.training.objectives import best_eligible, check_objective, score

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


def train_trial(
    matrix: str,
    proposals: str | Sequence[str],
    trial: str,
    slot: str,
    module: str,
    hyperparameters: Mapping[str, Any] | None,
    training: Mapping[str, Any],
    seed: int,
    checkpoint: Mapping[str, Any] | None = None,
) -> None:
    """Train one hyperparameter setting and score it on the validation samples.

    Parameters
    ----------
    matrix
        Input ``matrix.h5ad``.
    proposals
        Input ``proposals.json`` of the trial's round; empty in a non-adaptive search.
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
        Initial weights, shuffling and noise follow from it. A longer training of a setting that
        an earlier round tried has the seed of the shorter one, and so begins as it did.
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
    if proposal and proposal["continues"]:
        seed = proposal["seeds"][execution]
    autoencoder, result, _ = train(matrix, module, hyperparameters, training, seed, checkpoint)
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
    autoencoder, result, fitted = train(
        matrix, winner["module"], winner["hyperparameters"], training, winner["seed"], checkpoint
    )
    if result.status != "ok":
        raise RuntimeError(f"{best}: the training of the winner diverged; see {history}")
    obs = read_obs(matrix)
    training_samples = obs.index[obs["split"] == "train"]
    codes = autoencoder.encode(fitted)
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
) -> tuple[Autoencoder, Training, np.ndarray]:
    """Read, check, create and fit.

    Returns
    -------
    tuple
        The model with the weights of its best epoch, how the training went, and the training
        samples x genes that it was fitted on.
    """
    choose_backend(training["backend"])
    parts = read_parts(matrix, ["train", "validation"])
    hp = coerce(load_module(module).HParams, hyperparameters, "hyperparameters")
    check_input(matrix, parts, module, hp)
    check_objective(training["objective"], module)
    values = dataclasses.asdict(hp)
    genes = read_features(matrix)
    autoencoder = create(module, len(genes), values, seed, genes)
    kept = None
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
    result = fit_and_keep_best(
        autoencoder,
        parts["train"],
        parts["validation"],
        seed,
        training["objective"],
        training["patience"],
        kept,
    )
    return autoencoder, result, parts["train"]


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


def fit_and_keep_best(
    autoencoder: Autoencoder,
    train: np.ndarray,
    validation: np.ndarray,
    seed: int,
    objective: str,
    patience: int,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Fit, score every epoch, and leave the model with the weights of its best epoch.

    Only epochs at which the warm-up of every penalty has ended are eligible; if there are none,
    the last epoch counts. A training that goes on from its checkpoint ends as it would have ended
    undisturbed.
    """
    progress = resume(autoencoder, checkpoint)
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
    if progress.best_arrays is None:
        return Training("ok", history, history["epoch"][-1])
    autoencoder.load(progress.best_arrays)
    return Training("ok", history, progress.best_epoch)


def resume(autoencoder: Autoencoder, checkpoint: Checkpoint | None) -> Progress:
    """Put the model where an earlier attempt stood; else begin."""
    found = checkpoint and checkpoint.load(getattr(autoencoder.hp, "epochs", 1))
    if not found:
        return Progress()
    progress, state = found
    autoencoder.resume(state)
    return progress


def note(progress: Progress, record: Mapping[str, Any], autoencoder: Autoencoder) -> None:
    """Write an epoch into the progress; keep the model's arrays if it is the best so far."""
    for column, value in record.items():
        progress.history.setdefault(column, []).append(value)
    if not record["eligible"]:
        return
    history = progress.history
    if best_eligible(history["score"], history["eligible"]) == record["epoch"]:
        progress.best_epoch, progress.best_arrays = record["epoch"], autoencoder.arrays()
        progress.since_best = 0
    else:
        progress.since_best += 1


def is_unfinished(autoencoder: Autoencoder, progress: Progress) -> bool:
    """Tell whether epochs are left; a model in closed form has one and no more."""
    return progress.epochs < getattr(autoencoder.hp, "epochs", 1)


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
