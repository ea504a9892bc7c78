"""Which library code a rule depends on, as one hash (PURE: used while parsing).

Snakemake tracks a script, not what the script imports. Each rule therefore passes
``code=code_hash(...)`` as a parameter: when a module in the import closure changes, the
parameter changes, and the rule's jobs run again. Comments count as changes too.
"""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parents[2]


def code_hash(script: str, *modules: str, files: Iterable[str | Path] = ()) -> str:
    """Hash a script, everything it imports from tybalt, further modules by name, and files.

    Parameters
    ----------
    script
        Name of the rule, so of a file in workflow/scripts.
    modules
        Dotted names that are imported by name only at run time (``tybalt.models.vae``).
    files
        Files that the code reads and that are no input of the rule (gene sets).

    Returns
    -------
    str
        16 hex digits, a function of file contents alone.
    """
    digest = _digest_of(script, modules).copy()
    for file in files:
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()[:16]


@cache
def _digest_of(script: str, modules: tuple[str, ...]) -> Any:
    """Digest a script, modules and what they import; each of hundreds of jobs asks for it."""
    code = {SCRIPTS / f"{script}.py"} | {_file_of(module) for module in modules}
    for file in list(code):
        code |= import_closure(file)
    digest = hashlib.sha256()
    for file in sorted(code):
        digest.update(file.relative_to(SCRIPTS).as_posix().encode())
        digest.update(file.read_bytes())
    return digest


def import_closure(file: Path) -> set[Path]:
    """List the tybalt files that a file imports, directly or not, also inside functions."""
    seen: set[Path] = set()
    waiting = [file]
    while waiting:
        for found in imported_files(waiting.pop()) - seen:
            seen.add(found)
            waiting.append(found)
    return seen


@cache
def imported_files(file: Path) -> frozenset[Path]:
    """List the tybalt files named by the import statements of one file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(
        _file_of(name) for name in names if name.split(".")[0] == "tybalt" and _exists(name)
    )


def _file_of(module: str) -> Path:
    path = SCRIPTS.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _exists(module: str) -> bool:
    return _file_of(module).is_file()
