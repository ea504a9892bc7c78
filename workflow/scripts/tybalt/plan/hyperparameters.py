"""How a model declares its hyperparameters, and how a setting gets its name (PURE).

A model module holds one frozen dataclass `HParams` whose fields are made by `hyperparameter`.
Everything else that the workflow knows about a hyperparameter (range, unit, documentation, whether
it matters in a given setting) is read from that declaration.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from tybalt.plan.errors import InputError, suggest

#: Fields that never enter a trial's name: one run at the largest `epochs` serves all shorter ones.
NOT_IN_THE_NAME = ("epochs",)


def hyperparameter(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    open_low: bool = False,
    choices: tuple[str, ...] | None = None,
    unit: str = "",
    source: str = "",
    matters: Callable[[Any], bool] | None = None,
    neutral: Any = None,
) -> Any:
    """Declare one field of `HParams`.

    Parameters
    ----------
    default
        Its type (bool, int, float or str) is the type of the field.
    doc, unit, source
        What it does, in which unit, and where its default comes from.
    low, high
        Inclusive range of a number; with `open_low`, `low` itself is excluded.
    choices
        Allowed words of a string.
    matters
        Given the whole setting, tells whether the field has any effect in it
        (``hidden_dim`` has none at ``depth`` 0). Settings that differ only in fields
        without effect are one trial.
    neutral
        The value at which the field does nothing, where there is one. It stays out of the trial's
        name, so that a field which is new to a model renames no trial that does not use it.
    """
    metadata = {
        "doc": doc,
        "low": low,
        "high": high,
        "open_low": open_low,
        "choices": choices,
        "unit": unit,
        "source": source,
        "matters": matters,
        "neutral": neutral,
    }
    return dataclasses.field(default=default, metadata=metadata)


def coerce(
    HParams: type, values: Mapping[str, Any], where: str, noun: str = "hyperparameter"
) -> Any:
    """Make an `HParams` from config values, so that 1 and 1.0, or '5e-4' and 0.0005, are equal.

    Parameters
    ----------
    where
        The config key that holds `values`, for messages (``models.vae.fixed``).
    noun
        What a field is called in messages.

    Raises
    ------
    InputError
        For an unknown name, a value of the wrong type or out of range.
    """
    fields = {field.name: field for field in dataclasses.fields(HParams)}
    for name in values:
        if name not in fields:
            raise InputError(f"{where}.{name}: unknown {noun}; {suggest(name, fields)}")
    return HParams(
        **{name: coerce_value(fields[name], value, where) for name, value in values.items()}
    )


def coerce_value(field: dataclasses.Field, value: Any, where: str) -> Any:
    """Turn one config value into the field's type and check its range; raise InputError."""
    kind = type(field.default)
    key = f"{where}.{field.name}"
    coerced = _to_type(value, kind, key)
    choices = field.metadata["choices"]
    if choices and coerced not in choices:
        raise InputError(f"{key}: found {value!r}; {suggest(coerced, choices)}")
    if kind in (int, float) and not _in_range(coerced, field):
        raise InputError(f"{key}: found {value!r}, expected {describe_range(field)}")
    return coerced


def _to_type(value: Any, kind: type, key: str) -> Any:
    expected = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
    problem = InputError(f"{key}: found {value!r}, expected {expected[kind]}")
    if kind is bool or isinstance(value, bool):
        if kind is bool and isinstance(value, bool):
            return value
        raise problem
    if kind is str:
        if isinstance(value, str):
            return value
        raise problem
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise problem from None
    if not math.isfinite(number) or (kind is int and number != int(number)):
        raise problem
    return kind(number)


def _in_range(value: float, field: dataclasses.Field) -> bool:
    low, high = field.metadata["low"], field.metadata["high"]
    if low is not None and (value < low or (field.metadata["open_low"] and value == low)):
        return False
    return high is None or value <= high


def describe_range(field: dataclasses.Field) -> str:
    """Say in words what a field allows: 'a whole number of at least 1', 'one of linear, relu'."""
    if field.metadata["choices"]:
        return "one of " + ", ".join(field.metadata["choices"])
    kind = type(field.default)
    if kind is bool:
        return "true or false"
    word = {int: "a whole number", float: "a number", str: "a word"}[kind]
    low, high = field.metadata["low"], field.metadata["high"]
    above = "greater than" if field.metadata["open_low"] else "of at least"
    if low is None and high is None:
        return word
    if high is None:
        return f"{word} {above} {low}"
    if low is None:
        return f"{word} of at most {high}"
    if field.metadata["open_low"]:
        return f"{word} greater than {low} and at most {high}"
    return f"{word} from {low} to {high}"


def matters(hp: Any, name: str) -> bool:
    """Tell whether field `name` has an effect in the setting `hp`."""
    condition = type(hp).__dataclass_fields__[name].metadata["matters"]
    return condition is None or bool(condition(hp))


def effective(hp: Any) -> dict[str, Any]:
    """Return the fields that have an effect in this setting, sorted by name."""
    names = sorted(field.name for field in dataclasses.fields(hp))
    return {name: getattr(hp, name) for name in names if matters(hp, name)}


def without_effectless(hp: Any) -> dict[str, Any]:
    """Return all fields, those without effect in this setting at their defaults."""
    return {
        field.name: getattr(hp, field.name) if matters(hp, field.name) else field.default
        for field in dataclasses.fields(hp)
    }


def trial_id(module: str, hp: Any) -> str:
    """Name a setting: the first 8 hex digits of the sha256 of its canonical JSON.

    Fields without effect or at the value at which they do nothing, `epochs` and seeds stay out, so
    equal models share one trial and adding a value to a grid renames none.
    """
    fields = type(hp).__dataclass_fields__
    values = {
        name: value
        for name, value in effective(hp).items()
        if name not in NOT_IN_THE_NAME and value != fields[name].metadata["neutral"]
    }
    text = json.dumps({"module": module, **values}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:8]
