"""A folder is a layer: the graph of folders has no circle, and plan/ is pure."""

import ast
import sys

from tybalt.plan.code_hash import SCRIPTS, imported_files

PACKAGE = SCRIPTS / "tybalt"


def room_of(file):
    return ".".join(file.relative_to(PACKAGE).parts[:-1])


def modules():
    return [file for file in sorted(PACKAGE.rglob("*.py")) if file.stem != "__init__"]


def neighbours():
    """Folder -> other folders that its modules import from."""
    rooms = {room_of(file): set() for file in modules()}
    for file in modules():
        others = {room_of(other) for other in imported_files(file) if other.stem != "__init__"}
        rooms[room_of(file)] |= others - {room_of(file)}
    return rooms


def in_circles(graph):
    """Nodes that are left when those without open neighbours are taken away, again and again."""
    waiting = dict(graph)
    while done := [name for name, others in waiting.items() if not set(others) & set(waiting)]:
        waiting = {name: others for name, others in waiting.items() if name not in done}
    return sorted(waiting)


def test_folders_do_not_import_each_other_in_a_circle():
    assert in_circles(neighbours()) == []


def test_modules_do_not_import_each_other_in_a_circle():
    assert in_circles({file: imported_files(file) - {file} for file in modules()}) == []


def test_a_circle_is_found():
    assert in_circles({"a": {"b"}, "b": {"a"}, "c": {"a"}, "d": set()}) == ["a", "b", "c"]


def test_plug_ins_are_imported_by_nobody():
    plug_ins = {"models", "tuners", "data.kinds"}
    for room, others in neighbours().items():
        assert not others & (plug_ins - {room}), room


def test_nothing_lies_flat_in_the_package():
    assert [file.name for file in PACKAGE.glob("*.py")] == ["__init__.py"]


def test_the_plan_needs_the_standard_library_only():
    """And what Snakemake itself reads and checks a config with."""
    allowed = set(sys.stdlib_module_names) | {"tybalt", "jsonschema", "yaml"}
    for file in (PACKAGE / "plan").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert {name.split(".")[0] for name in names} <= allowed, file.name


def test_every_module_says_what_it_is():
    for file in PACKAGE.rglob("*.py"):
        assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))), file
