"""The generated parts of the repository: `make docs` writes them, a test says if they are stale.

- config/README.md: every config key (from the schema), every hyperparameter and tuner option
  (from the dataclasses that declare them);
- results/README.md: every file that a study makes (from the table of outputs);
- envs/*.yaml: conda environments with the pins of requirements.txt and requirements-gpu.txt.

Text outside the markers ``<!-- generated: name -->`` and ``<!-- end -->`` is written by hand.
"""

import dataclasses
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from tybalt.plan import outputs
from tybalt.plan.config import load_schema
from tybalt.plan.hyperparameters import describe_range
from tybalt.plan.models_and_tuners import available, load_plugin
from tybalt.plan.objectives import AT_THE_END, OBJECTIVES

ROOT = SCRIPTS.parents[1]
PACKAGE = SCRIPTS / "tybalt"


def generated_files(root: Path) -> dict[Path, str]:
    """Compute the whole text of every file that has generated parts.

    Parameters
    ----------
    root
        The repository; the texts written by hand are read from it.
    """
    schema = load_schema(root / "workflow" / "schemas" / "config.schema.yaml")
    pins, gpu_pins = (
        read_pins((root / name).read_text(encoding="utf-8"))
        for name in ("requirements.txt", "requirements-gpu.txt")
    )
    sections = {
        root / "config" / "README.md": {
            "keys": schema_tables(schema),
            "objectives": objective_table(),
            "hyperparameters": hyperparameter_tables(),
            "tuners": tuner_tables(),
        },
        root / "results" / "README.md": {
            "outputs": output_table(outputs.TABLES),
            "figures": output_table(outputs.figures().values()),
        },
    }
    texts = {path: fill_sections(path, parts) for path, parts in sections.items()}
    texts[root / "envs" / "cpu.yaml"] = conda_environment(_CPU, pins)
    texts[root / "envs" / "gpu.yaml"] = conda_environment(_GPU, replace_pins(pins, gpu_pins))
    return texts


def fill_sections(path: Path, sections: Mapping[str, str]) -> str:
    """Return the text of a file with its generated sections replaced."""
    text = path.read_text(encoding="utf-8")
    for name, content in sections.items():
        text = fill_section(text, name, content)
    return text


def fill_section(text: str, name: str, content: str) -> str:
    """Replace what stands between the markers of one section.

    Raises
    ------
    ValueError
        If the text does not have this section exactly once.
    """
    pattern = rf"(<!-- generated: {re.escape(name)} -->\n).*?(<!-- end -->)"
    filled, found = re.subn(
        pattern, lambda match: f"{match[1]}\n{content}\n\n{match[2]}", text, flags=re.DOTALL
    )
    if found != 1:
        raise ValueError(f"found the section {name!r} {found} times, expected once")
    return filled


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(word) for word in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(value: Any) -> str:
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


# Config keys, from the schema


def schema_tables(schema: Mapping[str, Any]) -> str:
    """Write one table for each top-level key of the config."""
    required = schema.get("required", ())
    parts = []
    for key, node in schema["properties"].items():
        rows = [_key_row(path, *entry) for path, *entry in walk(key, node, key in required, schema)]
        parts.append(f"### `{key}`\n\n" + table(["key", "value", "default", "explain"], rows))
    return "\n\n".join(parts)


def walk(
    path: str, node: Mapping[str, Any], required: bool, schema: Mapping[str, Any]
) -> list[tuple[str, Mapping[str, Any], bool]]:
    """List (path, schema node, required) of a key and all keys below it, in reading order.

    A name that the user chooses is written <name>, an entry of a list [].
    """
    node = _resolved(node, schema)
    found = [(path, node, required)] if "description" in node else []
    below = node.get("required", ())
    for key, child in node.get("properties", {}).items():
        found += walk(f"{path}.{key}", child, key in below, schema)
    others = node.get("additionalProperties")
    if isinstance(others, dict) and _is_map(others, schema):
        found += walk(f"{path}.<name>", others, False, schema)
    if _is_map(node.get("items", {}), schema):
        found += walk(f"{path}[]", node["items"], False, schema)
    return found


def _resolved(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = node.get("$ref")
    return schema["$defs"][reference.rsplit("/", 1)[1]] if reference else node


def _is_map(node: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    return _resolved(node, schema).get("type") == "object"


def _key_row(path: str, node: Mapping[str, Any], required: bool) -> list[str]:
    default = node.get("default")
    shown = _code(default) if default not in (None, {}) else ""
    return [f"`{path}`", allowed(node), "**required**" if required else shown, node["description"]]


def allowed(node: Mapping[str, Any]) -> str:
    """Say in a few words which values a schema node accepts."""
    if "oneOf" in node:
        return " or ".join(allowed(option) for option in node["oneOf"])
    if "const" in node:
        return _code(node["const"])
    if "enum" in node:
        return ", ".join(_code(value) for value in node["enum"])
    words = {
        "object": "map",
        "array": "list",
        "integer": "whole number",
        "number": "number",
        "string": "text",
        "boolean": "`true`, `false`",
        "null": "nothing",
    }
    types = [node["type"]] if isinstance(node["type"], str) else node["type"]
    bounds = [
        f"{sign} {node[key]}"
        for key, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("exclusiveMaximum", "<"),
        )
        if key in node
    ]
    return " ".join([" or ".join(words[name] for name in types), ", ".join(bounds)]).strip()


# Hyperparameters and options, from the dataclasses that declare them


def hyperparameter_tables() -> str:
    """Write one table for each model module."""
    header = ["hyperparameter", "default", "allowed", "unit", "explain", "source"]
    return "\n\n".join(
        f"### `module: {name}`\n\n{_first_line(module)} It can {', '.join(module.VERBS)}.\n\n"
        + table(header, [_field_row(field) for field in dataclasses.fields(module.HParams)])
        for name, module in _plugins("models")
    )


def objective_table() -> str:
    """Write the table of objectives."""
    rows = []
    for name, objective in OBJECTIVES.items():
        each = "every epoch" if objective.when == 1 else f"every {objective.when} epochs"
        when = each if objective.when != AT_THE_END else "at the end of a training"
        needs = [*objective.verbs, *(f"the term {term}" for term in objective.terms)]
        needs += [f"the role {role}" for role in objective.roles]
        needs += [f"{objective.blocks} blocks"] if objective.blocks > 1 else []
        others = ", ".join(f"`{key}`" for key in objective.not_searched)
        rows.append([f"`{name}`", objective.what, ", ".join(needs), when, others])
    return table(["objective", "explain", "needs", "computed", "not to be searched"], rows)


def tuner_tables() -> str:
    """Write one table for each tuner module that has options, one line for the others."""
    parts = []
    for name, module in _plugins("tuners"):
        fields = dataclasses.fields(module.Options)
        rows = [_field_row(field)[:5] for field in fields]
        body = table(["option", "default", "allowed", "unit", "explain"], rows)
        parts.append(
            f"### `module: {name}`\n\n{_first_line(module)} " + (f"\n\n{body}" if fields else "")
        )
    return "\n\n".join(part.strip() for part in parts)


def _plugins(kind: str) -> list[tuple[str, Any]]:
    return [(name, load_plugin(kind, name, kind)) for name in available(kind)]


def _field_row(field: dataclasses.Field) -> list[str]:
    about = field.metadata
    star = "" if about["matters"] is None else " *"
    return [
        f"`{field.name}`{star}",
        _code(field.default),
        describe_range(field),
        about["unit"],
        about["doc"],
        about["source"],
    ]


def _first_line(module: Any) -> str:
    summary = module.__doc__.strip().split("\n\n")[0]
    return summary.replace(" (PURE at module level)", "")


# Files that a study makes


def output_table(table_of: Iterable[outputs.Output]) -> str:
    """Write one table of files, with what must hold for each of them to be made."""
    rows = [[f"`{output.path}`", output.what, ", ".join(output.needs)] for output in table_of]
    return table(["file", "what it is", "where"], rows)


# Conda environments


def read_pins(requirements: str) -> list[str]:
    """List the `name==version` lines of a requirements file, sorted by name."""
    return sorted(line for line in requirements.splitlines() if "==" in line and line[0] != "#")


_CPU = """\
# Everything that runs the workflow, without a GPU.
"""

_GPU = """\
# Everything that runs the workflow, with TensorFlow for NVIDIA GPUs. TensorFlow and the CUDA
# libraries it asks for come through pip, which does not look at the machine: the environment may
# be made on a node without a GPU. If you take TensorFlow from conda-forge instead, make it with
# CONDA_OVERRIDE_CUDA=12 set (the CUDA of the GPU nodes), or conda silently takes a build for CPUs.
# cuDNN is held back: from 9.11 on it has left out the P100 and the V100.
"""

_GENERATED = """\
# Written by `make docs` from the requirements. The solve by conda could not be run in development.
"""


def replace_pins(pins: Sequence[str], others: Sequence[str]) -> list[str]:
    """Put other pins in the place of those of the same packages, whatever their extras."""
    packages = {re.split(r"\[|==", pin)[0]: pin for pin in [*pins, *others]}
    return sorted(packages.values())


def conda_environment(heading: str, pins: Sequence[str]) -> str:
    """Write a conda environment: Python from conda-forge, everything else pinned through pip."""
    lines = [f"      - {pin}" for pin in pins]
    return (
        heading
        + _GENERATED
        + "channels: [conda-forge, nodefaults]\n"
        + "dependencies:\n  - python=3.11\n  - pip\n  - pip:\n"
        + "\n".join(lines)
        + "\n"
    )


def main() -> None:
    """Write every generated file of this repository."""
    for path, text in generated_files(ROOT).items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
