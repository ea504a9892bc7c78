"""Train a model, score every epoch, keep the best: the same for every model and tuner."""

import dataclasses
import importlib.util
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.matrix import read_notes, read_var
from tybalt.jobs.checkpoint import Checkpoint, Progress
from tybalt.jobs.files import read_json, write_json, write_table
from tybalt.plan.errors import InputError
from tybalt.plan.models_and_tuners import UNROTATED
from tybalt.plan.objectives import (
    AT_THE_END,
    READOUTS,
    best_epoch,
    by_name,
    is_as_started,
    measure,
    objective_of,
    score,
)
from tybalt.training.bundle import (
    Bundle,
    feature_names,
    model_upon,
    read_base_files,
    read_bases,
    save_bundle,
)
from tybalt.training.in_codes import InCodes
from tybalt.training.model import ACTIVE_VARIANCE, Model, load_module
from tybalt.training.rotation import find_rotation
from tybalt.training.rows import Rows, read_rows

#: Marks of models that have not learned, or are not what they are called.
AS_STARTED, NO_NOISE, NO_KL = "as started", "no sampling noise", "KL of 0"

#: A code that is drawn with less than this standard deviation, where the prior has 1, is not drawn.
LEAST_SIGMA = 0.01

#: A KL divergence (nats per sample) below this says that the code holds nothing of the samples.
LEAST_KL = 0.01

log = logging.getLogger(__name__)

NO_CONTRASTS: Mapping[str, Mapping[str, Any]] = {}

#: Of the bootstrap of read-outs: that of all trials, so that they are compared on the same draws.
READOUT_SEED = 0


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
    lost
        What was not finite in the epoch in which it diverged.
    start
        What was measured on validation rows before the first epoch, and its score; None for a model
        without epochs.
    marks
        Why the model does not count as one that has learned (`find_marks`); mostly none.
    """

    status: str
    history: dict[str, list]
    best_epoch: int | None
    lost: tuple[str, ...] = ()
    start: dict[str, Any] | None = None
    marks: tuple[str, ...] = ()

    @property
    def score(self) -> float | None:
        """The score of the best epoch."""
        return None if self.best_epoch is None else self.history["score"][self.best_epoch - 1]


def train_trial(
    matrix: str,
    bases: Sequence[str],
    proposals: str | Sequence[str],
    trial: str,
    slot: str,
    hyperparameters: Mapping[str, Any] | None,
    training: Mapping[str, Any],
    seed: int,
    checkpoint: Mapping[str, Any] | None = None,
    contrasts_to_check: Mapping[str, Mapping[str, Any]] = NO_CONTRASTS,
) -> None:
    """Train one hyperparameter setting and score it on the validation samples.

    Parameters
    ----------
    matrix
        Input ``matrix.h5ad``.
    bases
        Inputs ``model.zip`` of the experiments in whose codes the model is trained; mostly none.
    proposals
        Input ``proposals.json`` of the trial's round; empty in a non-adaptive search.
    trial
        Output JSON. A slot without a proposal gets the status ``empty``.
    slot
        Which training it is: ``r0/s03/e0``.
    hyperparameters
        Values of the model's HParams (the rest are defaults); None: those of the proposal.
    training
        ``module`` of the model; ``blocks`` that it sees; ``bases``: what the files are called;
        ``label`` and ``weight``: columns in these roles, as far as they are used; ``group``: the
        column in that role; ``backend`` (tensorflow | jax); ``objective``
        (`tybalt.plan.objectives`) and the definitions of the ``contrasts`` that it reads out;
        ``patience`` (epochs without a better one after which the training stops; 0 = never).
    seed
        Initial weights, shuffling and noise follow from it. A longer training of a setting that
        an earlier round tried has the seed of the shorter one, and so begins as it did.
    checkpoint
        Where to keep an unfinished training (see `tybalt.jobs.adapter`); None to keep none.
    contrasts_to_check
        Those that the config names, name -> {covariate, positive, within?}: the record says how
        well validation samples read them out of the code. They come from the adapter, as a change
        of them must not train again; the record keeps their definitions.

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
            write_json(empty(training["module"], training["objective"]), trial)
            return
        hyperparameters = proposal["hyperparameters"]
    if proposal and proposal["continues"]:
        seed = proposal["seeds"][execution]
    trained = train(matrix, bases, hyperparameters, training, seed, checkpoint)
    result = trained.result
    write_json(
        {
            "status": result.status,
            "score": result.score,
            "objective": training["objective"],
            "module": training["module"],
            "hyperparameters": dataclasses.asdict(trained.model.hp),
            "seed": seed,
            "epochs": len(result.history["epoch"]),
            "best_epoch": result.best_epoch,
            "parameters": trained.model.n_parameters(),
            "warnings": find_warnings(result, trained.model.hp),
            "start": result.start,
            "marks": list(result.marks),
            "readouts": record_readouts(matrix, trained, training, contrasts_to_check),
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
        "start": None,
        "marks": [],
        "readouts": [],
        "history": {},
        "proposal": None,
    }


def record_readouts(
    matrix: str,
    trained: "Trained",
    training: Mapping[str, Any],
    contrasts: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Say how well validation samples read the named contrasts out of the code.

    Nothing is recorded of a training that diverged, or of a model that has no code.
    """
    can_encode = "encode" in load_module(training["module"]).VERBS
    if not contrasts or not can_encode or trained.result.best_epoch is None:
        return []
    record = by_name(f"{READOUTS}:record_readouts")
    rows = trained.rows, trained.validation
    return record(matrix, contrasts, training["group"], trained.model, *rows, READOUT_SEED)


def train_model(
    matrix: str,
    bases: Sequence[str],
    best: str,
    model: str,
    history: str,
    training: Mapping[str, Any],
    rotation: str,
    checkpoint: Mapping[str, Any] | None = None,
) -> None:
    """Train the winner of a search again, as its trial was trained, and keep the model.

    Parameters
    ----------
    matrix, bases, best
        Inputs ``matrix.h5ad``, ``best.json``, and the models that this one builds on.
    model, history
        Outputs ``model.zip`` and ``history.tsv``; the column `best` marks the epoch that was kept.
    training, checkpoint
        As in `train_trial`.
    rotation
        How the features are made of the codes: none | varimax.

    Raises
    ------
    InputError
        If the training diverges.
    """
    winner = read_json(best)
    trained = train(matrix, bases, winner["hyperparameters"], training, winner["seed"], checkpoint)
    result = trained.result
    if result.status != "ok":
        raise InputError(
            f"{best}: the training of the winner diverged, although its trial did not: they were "
            "not made by the same code, data and machine; delete the folder `trials` beside it "
            "and run again"
        )
    codes = pd.DataFrame(index=trained.samples)  # of a model that cannot encode
    if "encode" in load_module(training["module"]).VERBS:
        values = trained.model.encode(trained.rows.X)
        codes = pd.DataFrame(values, trained.samples, feature_names(values.shape[1]))
    columns = ["block", "offset", "scale", "minimum", "maximum", "mean"]
    notes = read_notes(matrix)
    transform = {"transform": notes["transform"]} if "transform" in notes else {}
    bundle = Bundle(
        module=training["module"],
        model=trained.model,
        genes=read_var(matrix, training["blocks"])[columns],
        codes=codes,
        notes={
            "scaling": notes["scaling"],
            **transform,
            "seed": winner["seed"],
            "objective": training["objective"],
            "best_epoch": result.best_epoch,
            "score": result.score,
            "warnings": find_warnings(result, trained.model.hp),
            "start": result.start,
            "marks": list(result.marks),
            **({} if rotation == UNROTATED else {"rotation": rotation}),
        },
        base_files=read_base_files(bases, training["bases"]),
        rotation=rotation_of(trained, training["module"], rotation),
    )
    save_bundle(bundle, model)
    write_table(history_table(result), history)


def history_table(result: Training) -> pd.DataFrame:
    """Make the table of epochs: epoch 0 is the model at its start, `best` marks the one kept."""
    table = pd.DataFrame(result.history)
    if result.start is not None:
        before = {"epoch": 0, **result.start, "eligible": False}
        begun = pd.DataFrame([before]).reindex(columns=table.columns).astype(object)
        types = table.dtypes.where(table.dtypes != "int64", "Int64")
        table = pd.concat([begun, table.astype(object)], ignore_index=True).astype(types)
    return table.assign(best=table["epoch"] == result.best_epoch)


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained model.

    Parameters
    ----------
    model
        With the weights of its best epoch.
    result
        How the training went.
    rows
        The training rows x genes; of a model in the codes of others, the genes behind the codes.
    samples
        Ids of the training rows.
    validation
        The validation rows, as `rows`.
    """

    model: Model
    result: Training
    rows: Rows
    samples: list[str]
    validation: Rows


def train(
    matrix: str,
    bases: Sequence[str],
    hyperparameters: Mapping[str, Any],
    training: Mapping[str, Any],
    seed: int,
    checkpoint: Mapping[str, Any] | None = None,
    redraw: Callable[[Rows], Rows] | None = None,
) -> Trained:
    """Read, check, create and fit; arguments as for `train_trial`.

    `redraw` makes the rows to train on from the training rows: a bootstrap sample of them.
    """
    choose_backend(training["backend"])
    parts = read_rows(matrix, ["train", "validation"], training["blocks"], training)
    if redraw is not None:
        parts["train"] = redraw(parts["train"])
    rows = parts["train"]
    loaded = read_bases(bases, training["bases"])
    model = model_upon(loaded, training["module"], rows.inputs, hyperparameters, seed)
    seen = {part: model.codes(each) if loaded else each for part, each in parts.items()}
    check_input(matrix, seen, training["module"], model.hp)
    kept = None
    if checkpoint is not None:
        values = dataclasses.asdict(model.hp)
        depends_on = {
            # A run of 10 epochs is the beginning of a run of 100.
            "hyperparameters": {k: v for k, v in values.items() if k != "epochs"},
            "training": dict(training),
            "seed": seed,
            "code": checkpoint["code"],
            "threads": checkpoint["threads"],
        }
        data = [*(a for each in seen.values() for a in each.arrays()), *model.knowledge.values()]
        kept = Checkpoint(checkpoint["folder"], checkpoint["every"], depends_on, data)
    result = fit_and_keep_best(
        inside(model),
        seen["train"],
        seen["validation"],
        seed,
        training["objective"],
        training["patience"],
        kept,
        # A bootstrap sample trains the winner again, and scores nothing.
        None if redraw is not None else ask(matrix, training, parts),
    )
    return Trained(model, result, rows, list(rows.names), parts["validation"])


def ask(matrix: str, training: Mapping[str, Any], parts: Mapping[str, Rows]) -> Any:
    """Ask the rows the contrasts that the objective reads out; None if it reads none.

    Raises
    ------
    InputError
        If validation rows cannot answer one.
    """
    objective = training["objective"]
    if not objective_of(objective, "objective").contrasts:
        return None
    names = [parts[part].names for part in ("train", "validation")]
    asked = by_name(f"{READOUTS}:ask")(
        matrix, training["contrasts"], training["group"], *names, objective
    )
    by_name(f"{READOUTS}:check_testable")(asked, parts["train"])
    return asked


def rotation_of(trained: Trained, module: str, rotation: str) -> np.ndarray | None:
    """Find the rotation of a trained model's code from the training samples; None for `none`.

    Where the decoder has hidden layers, its weights are those at the mean code. Where a term holds
    codes to N(0, 1), features of less than `ACTIVE_VARIANCE` are not rotated.
    """
    if rotation == UNROTATED:
        return None
    codes = trained.model.encode(trained.rows.X)
    terms = getattr(load_module(module), "terms", None)
    has_prior = terms is not None and "kl" in terms(trained.model.hp)
    weights = trained.model.gene_weights(codes.mean(axis=0))
    return find_rotation(codes, weights, ACTIVE_VARIANCE if has_prior else 0.0)


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


def check_input(matrix: str, parts: Mapping[str, Rows], module: str, hp: Any) -> None:
    """Refuse rows that the model cannot be trained on; raise InputError."""
    for part, rows in parts.items():
        X = rows.X
        if not np.isfinite(X).all():
            sample, gene = np.argwhere(~np.isfinite(X))[0]
            raise InputError(
                f"{matrix}: {part} sample {sample + 1}, gene {gene + 1}: found {X[sample, gene]}, "
                "expected a number; run preprocessing again"
            )
    X = parts["train"].X
    batch_size = getattr(hp, "batch_size", 1)
    if batch_size > len(X):
        raise InputError(
            f"batch_size: found {batch_size}, but {matrix} has only {len(X)} training samples; "
            "choose a smaller batch_size"
        )
    low = min(rows.X.min() for rows in parts.values())
    high = max(rows.X.max() for rows in parts.values())
    refusal = load_module(module).refuse(hp, X.shape, (float(low), float(high)))
    if refusal:
        raise InputError(f"{matrix}: {refusal}")


def fit_and_keep_best(
    model: Model,
    train: Rows,
    validation: Rows,
    seed: int,
    objective: str,
    patience: int,
    checkpoint: Checkpoint | None = None,
    asked: Any = None,
) -> Training:
    """Fit, score the epochs that are due, and leave the model with the weights of its best epoch.

    Only epochs at which the warm-up of every weight has ended are eligible; if there are none,
    the last epoch counts. A training that goes on from its checkpoint ends as it would have ended
    undisturbed. `asked` are the contrasts that the objective reads out (`ask`); without them a
    training has no score.
    """
    progress = resume(model, checkpoint)
    history = progress.history
    has_stopped = bool(patience) and progress.since_best >= patience
    first_epoch = progress.epochs + 1
    for record in [] if has_stopped else model.fit(train, validation, seed, first_epoch):
        values = list(record.values())
        record["score"] = None
        if all(map(math.isfinite, values)):
            record["score"] = score_epoch(record, objective, model, train, validation, seed)
            values += [] if record["score"] is None else [record["score"]]
        if not all(map(math.isfinite, values)):
            lost = tuple(name for name, value in record.items() if not _is_finite(value))
            log.info("epoch %d: diverged (%s)", record["epoch"], ", ".join(lost))
            return Training("diverged", history or {column: [] for column in record}, None, lost)
        log.info("epoch %d: %s", record["epoch"], describe(record))
        if record["epoch"] == 0:
            progress.start = {k: v for k, v in record.items() if k not in ("epoch", "eligible")}
            continue
        note(progress, record, model, objective)
        if patience and progress.since_best >= patience:
            log.info("stopped: no better score for %d epochs", patience)
            break
        if checkpoint and is_unfinished(model, progress) and checkpoint.is_due(progress.epochs):
            checkpoint.save(progress, model.state())
    kept = progress.best_epoch or history["epoch"][-1]
    if progress.best_arrays is not None:
        model.load(progress.best_arrays)
    how = objective_of(objective, "objective")
    if how.when == AT_THE_END and not (how.contrasts and asked is None):
        history["score"][kept - 1] = measure(objective, model, train, validation, seed, asked)
    marks = find_marks(progress.start, history, kept, objective)
    return Training("ok", history, kept, start=progress.start, marks=marks)


def find_marks(
    start: Mapping[str, Any] | None, history: Mapping[str, Sequence[Any]], kept: int, objective: str
) -> tuple[str, ...]:
    """Say why a model does not count as one that has learned, in words of the table `MARKS`.

    Parameters
    ----------
    start, history, objective
        As for `tybalt.plan.objectives.is_as_started`.
    kept
        The epoch that was kept, from 1 on.
    """
    at = {column: values[kept - 1] for column, values in history.items()}
    found = {
        AS_STARTED: is_as_started(start, history, kept, objective),
        NO_NOISE: at.get("mean_sigma", 1.0) < LEAST_SIGMA,
        NO_KL: at.get("validation_kl", 1.0) < LEAST_KL or at.get("kl_weight", 1.0) == 0,
    }
    return tuple(mark for mark, holds in found.items() if holds)


def _is_finite(value: float | None) -> bool:
    return value is None or math.isfinite(value)


def score_epoch(
    record: Mapping[str, float],
    objective: str,
    model: Model,
    train: Rows,
    validation: Rows,
    seed: int,
) -> float | None:
    """Score an epoch, by its record or by the model as it is now; None if it is not due."""
    how = objective_of(objective, "objective")
    if not how.is_due(record["epoch"], getattr(model.hp, "epochs", 1)):
        return None
    if isinstance(how.score, str):
        return measure(objective, model, train, validation, seed)
    return score(objective, record, model.inputs.size)


def inside(model: Model) -> Model:
    """Return what is trained: of a model in the codes of others, the one inside."""
    return model.inside if isinstance(model, InCodes) else model


def resume(model: Model, checkpoint: Checkpoint | None) -> Progress:
    """Put the model where an earlier attempt stood; else begin."""
    found = checkpoint and checkpoint.load(getattr(model.hp, "epochs", 1))
    if not found:
        return Progress()
    progress, state = found
    model.resume(state)
    return progress


def note(progress: Progress, record: Mapping[str, Any], model: Model, objective: str) -> None:
    """Write an epoch into the progress; keep the model's arrays if it is the best so far."""
    for column, value in record.items():
        progress.history.setdefault(column, []).append(value)
    if not record["eligible"]:
        return
    if best_epoch(progress.history, objective) == record["epoch"]:
        progress.best_epoch, progress.best_arrays = record["epoch"], model.arrays()
        progress.since_best = 0
    else:
        progress.since_best += 1


def is_unfinished(model: Model, progress: Progress) -> bool:
    """Tell whether epochs are left; a model in closed form has one and no more."""
    return progress.epochs < getattr(model.hp, "epochs", 1)


def find_warnings(result: Training, hp: Any) -> list[str]:
    """Say what a reader of the result should know: collapse, dead features, no settled epoch."""
    if result.best_epoch is None:
        epoch = len(result.history.get("epoch", [])) + 1
        return [f"diverged in epoch {epoch}: not finite: {', '.join(result.lost)}"]
    i = result.best_epoch - 1
    warnings = []
    if "active_units" in result.history:
        active, n_features = result.history["active_units"][i], hp.latent_dim
        if active == 0:
            warnings.append(f"posterior collapse: none of {n_features} features is active")
        elif active < n_features:
            warnings.append(f"{n_features - active} of {n_features} features are not active")
    if not result.history["eligible"][i]:
        warnings.append("the warm-up had not ended when the training did; the last epoch counts")
    if AS_STARTED in result.marks:
        warnings.append(
            "as started: no epoch is better on validation samples than the model before training"
        )
    if NO_NOISE in result.marks:
        warnings.append("no sampling noise: sigma is near 0, so this is no variational autoencoder")
    if NO_KL in result.marks:
        weight = result.history["kl_weight"][i] if "kl_weight" in result.history else 1
        why = "the code holds nothing" if weight else "its weight is 0"
        warnings.append(f"KL of 0: no KL divergence has trained the code ({why})")
    return warnings


def describe(record: Mapping[str, float]) -> str:
    """Write an epoch's record in one line of the log."""
    return ", ".join(
        f"{name} {value:.6g}"
        for name, value in record.items()
        if name not in ("epoch", "eligible") and value is not None
    )
