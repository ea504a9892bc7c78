"""Check a config against the schema and fill in defaults, with messages that help.

Used while parsing: besides the standard library only what Snakemake itself brings
(jsonschema, yaml).
"""

import copy
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tybalt.plan.errors import InputError, suggest


def load_schema(path: Path) -> dict[str, Any]:
    """Read the JSON schema of the config from its YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def read_checked(path: Path, schema: Path) -> dict[str, Any]:
    """Read a YAML file of the workflow and check it against one of its schemas."""
    return check_config(yaml.safe_load(path.read_text(encoding="utf-8")), load_schema(schema))


def check_config(config: Mapping[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the config with every default filled in.

    Raises
    ------
    InputError
        Naming the first offending key, what was found, what is allowed, and the nearest valid name.
    """
    check_numbers(config, ())
    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(config))
    if errors:
        raise InputError(_describe(min(errors, key=_reading_order)))
    return fill_defaults(copy.deepcopy(dict(config)), schema, schema)


def check_numbers(value: Any, place: tuple[Any, ...]) -> None:
    """Refuse numbers that are not finite, which no bound would stop; raise InputError."""
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{key_of(place)}: found {value}, expected a finite number")
    items = value.items() if isinstance(value, Mapping) else ()
    items = enumerate(value) if isinstance(value, list | tuple) else items
    for key, each in items:
        check_numbers(each, (*place, key))


def fill_defaults(value: Any, node: dict[str, Any], schema: dict[str, Any]) -> Any:
    """Add the defaults that the schema gives for missing keys, at every depth."""
    node = _resolve(node, schema)
    if isinstance(value, list):
        return [fill_defaults(item, node.get("items", {}), schema) for item in value]
    if not isinstance(value, dict):
        return value
    properties = node.get("properties", {})
    for key, child in properties.items():
        if key not in value and "default" in child:
            value[key] = copy.deepcopy(child["default"])
    others = node.get("additionalProperties")
    for key in value:
        child = properties.get(key, others if isinstance(others, dict) else {})
        value[key] = fill_defaults(value[key], child, schema)
    return value


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref")
    return schema["$defs"][reference.rsplit("/", 1)[1]] if reference else node


def _reading_order(error: jsonschema.ValidationError) -> tuple:
    """Unknown keys first: a typo also leaves the right key missing."""
    return (error.validator != "additionalProperties", [str(part) for part in error.absolute_path])


def _describe(error: jsonschema.ValidationError) -> str:
    key = key_of(error.absolute_path)
    found = f"found {_cut(error.instance)}"
    rule = error.validator_value
    match error.validator:
        case "not":  # a key that the schema refuses for this kind of dataset
            instead = error.schema.get("instead", "not for a dataset of this kind; leave it out")
            return f"{key}: {instead}"
        case "additionalProperties":
            known = error.schema.get("properties", {})
            unknown = next(str(name) for name in error.instance if name not in known)
            if now := error.schema.get("renamed", {}).get(unknown):
                return f"{_join(key, unknown)}: this key is now called `{now}`; rename it"
            if reason := error.schema.get("dropped", {}).get(unknown):
                return f"{_join(key, unknown)}: this key is gone: {reason}"
            return f"{_join(key, unknown)}: unknown key; {suggest(unknown, known)}"
        case "required":
            missing = next(name for name in rule if name not in error.instance)
            return f"{_join(key, missing)}: missing; this key is required"
        case "enum":
            return f"{key}: {found}; {suggest(error.instance, rule)}"
        case "type":
            is_scalar = rule == "string" and isinstance(error.instance, bool | int | float)
            quotes = "; write it in quotes" if is_scalar else ""  # YAML reads Yes as true
            return f"{key}: {found}, expected {_type_in_words(rule)}{quotes}"
        case "pattern" if "propertyNames" in error.absolute_schema_path:
            return f"{key}: the name {error.instance!r} becomes part of a path; {_LETTERS}"
        case "pattern" if "instead" in error.schema:
            return f"{key}: {found}; {error.schema['instead']}"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            return f"{key}: {found}, expected {_BOUNDS[error.validator]} {rule}"
        case "minItems" | "minProperties":
            return f"{key}: {found}, expected at least {rule} of them{_way_out(error.schema)}"
        case "uniqueItems":
            return f"{key}: {found}, expected no value twice"
        case "oneOf":
            allowed = " or ".join(_alternative(option) for option in rule)
            return f"{key}: {found}, expected {allowed}"
    return f"{key}: {error.message}"


def _cut(value: Any, length: int = 200) -> str:
    """Write a value as Python does, cut: a list may be long, and a text a whole file."""
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}..."


def _way_out(node: Mapping[str, Any]) -> str:
    """Say what to do about a list that is too short: which words there are, and the default."""
    words = ", ".join(str(word) for word in node.get("items", {}).get("enum", ()))
    advice = [f"name one ({words})"] if words else []
    if "default" in node:
        advice.append(f"leave the key out, which means {node['default']}")
    return f"; {', or '.join(advice)}" if advice else ""


_LETTERS = "use letters, digits, '_' and '-' only"
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


def _alternative(option: Mapping[str, Any]) -> str:
    if "const" in option:
        return repr(option["const"])
    words = _type_in_words(option["type"])
    return f"{words} of at least {option['minItems']} values" if "minItems" in option else words


def _type_in_words(name: str | list[str]) -> str:
    if isinstance(name, list):
        return " or ".join(_type_in_words(each) for each in name)
    return {
        "null": "nothing (null)",
        "object": "a map (key: value)",
        "array": "a list",
        "integer": "a whole number",
        "number": "a number",
        "string": "a text",
        "boolean": "true or false",
    }[name]


def key_of(path: Iterable[Any]) -> str:
    """Write a path of keys as one word: models.vae.space.depth, experiments[0].models."""
    key = ""
    for part in path:
        key = f"{key}[{part}]" if isinstance(part, int) else _join(key, str(part))
    return key or "config"


def _join(key: str, name: str) -> str:
    return name if key in ("", "config") else f"{key}.{name}"
