"""What a config file says, read before Snakemake's merge is believed (PURE).

Snakemake names neither the file (of several) nor the line that it cannot read, keeps the last of
two keys of one name in silence, and follows an alias into itself without end.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tybalt.plan.config import key_of
from tybalt.plan.errors import InputError, shown


def check_file(path: Path) -> None:
    """Refuse a config file that is no map of keys, or of which something would be lost.

    Raises
    ------
    InputError
        Naming the file and the line.
    """
    if not path.is_file():  # named relative to a folder that a `workdir` has left
        return
    text = _read_text(path)
    if _is_json(text):
        root = _compose_if_possible(text)
    else:
        root = _compose(path, text)
        _check_keys_at_top(path, root)
    _check_circles(path, root)
    for key, line, first in _repeated_keys(root, (), set()):
        raise InputError(
            f"{path}, line {line}: the key {shown(key)[1:-1]} stands here again (first in line "
            f"{first}), and only the last would count; take one out, or give it another name"
        )


def _read_text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}, line {line}: found bytes that are no text in UTF-8 ({error.reason}), "
            "expected YAML or JSON; is this the right file? else save it as UTF-8"
        ) from None


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _compose_if_possible(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:  # JSON with tabs, which Snakemake reads all the same
        return None


def _compose(path: Path, text: str) -> yaml.Node | None:
    """Read the tree of a YAML file; InputError with the line where it cannot be read."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise InputError(
            f"{path}, line {line}: found the character {shown(chr(error.character))}, which YAML "
            "does not allow; take it out"
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        found = " ".join(f"{error.context or ''} {error.problem or ''}".split())
        tab = "; indent with spaces, not tabs" if r"'\t'" in found else ""
        raise InputError(
            f"{path}, line {mark.line + 1}, column {mark.column + 1}: this is no YAML ({found})"
            f"{tab or '; look at this line and the one before it'}"
        ) from None
    except RecursionError:
        raise InputError(
            f"{path}: its brackets are nested too deeply to be read; expected a few levels"
        ) from None


def _check_keys_at_top(path: Path, root: yaml.Node | None) -> None:
    if isinstance(root, yaml.MappingNode):
        return
    names = {yaml.SequenceNode: "a list", yaml.ScalarNode: "a single value", type(None): "nothing"}
    line = 1 if root is None else root.start_mark.line + 1
    raise InputError(
        f"{path}, line {line}: found {names[type(root)]}, expected keys with values, such as "
        "`seed: 1`; see config/README.md"
    )


def _check_circles(path: Path, root: yaml.Node | None) -> None:
    """Refuse an alias that stands inside what it means."""
    done: set[int] = set()

    def walk(node: Any, above: frozenset[int]) -> None:
        if id(node) in above:
            raise InputError(
                f"{path}, line {node.start_mark.line + 1}: what begins here contains itself, by an "
                "alias (`*name`) within its anchor (`&name`); write it out"
            )
        if id(node) in done or isinstance(node, yaml.ScalarNode):
            return
        pairs = isinstance(node, yaml.MappingNode)
        for child in (each for pair in node.value for each in pair) if pairs else node.value:
            walk(child, above | {id(node)})
        done.add(id(node))

    if root is not None:
        walk(root, frozenset())


def _repeated_keys(
    node: yaml.Node | None, place: tuple[Any, ...], seen: set[int]
) -> Iterator[tuple[str, int, int]]:
    """Give key, line and first line of every key that its map has before, in the file's order."""
    if id(node) in seen:  # an alias, perhaps of the map that it stands in
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _repeated_keys(item, (*place, number), seen)
    if isinstance(node, yaml.MappingNode):
        first: dict[tuple[str, str], int] = {}
        for name, value in node.value:
            key = (*place, str(name.value))
            line, known = name.start_mark.line + 1, (name.tag, str(name.value))
            if known in first:
                yield key_of(key), line, first[known]
            first.setdefault(known, line)
            yield from _repeated_keys(value, key, seen)
