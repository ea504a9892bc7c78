"""A rule whose output is a folder: made whole or not at all, also when it is killed."""

import os
import signal
import time

import pytest
from test_additions import add

FOLDER = "results/tiny/pieces"

#: A rule that makes three files in a folder, and stops before the last while `wait` is there.
PIECES = {
    "workflow/scripts/tybalt/analysis/pieces.py": '''"""Pieces in a folder."""

import time
from pathlib import Path


def make_pieces(pieces: str) -> None:
    """Write three files."""
    folder = Path(pieces)
    folder.mkdir()
    for name in "abc":
        while name == "c" and Path("wait").exists():
            time.sleep(0.1)
        (folder / name).write_text(name)
''',
    "workflow/scripts/make_pieces.py": '''"""Write three files into a folder."""

from tybalt.analysis.pieces import make_pieces
from tybalt.jobs.adapter import run

run(make_pieces, snakemake)
''',
    "+workflow/rules/explain.smk": '''

rule make_pieces:
    """Write three files into a folder."""
    output:
        pieces=directory(f"{DATASET}/pieces"),
    log:
        log_of("make_pieces", DATASET),
    wildcard_constraints:
        **NAMES,
    params:
        code=code_hash("make_pieces"),
    script:
        "../scripts/make_pieces.py"
''',
}


def wait_for(folder, pattern: str, seconds: float = 120) -> None:
    """Wait until a file of this name is below a folder."""
    deadline = time.monotonic() + seconds
    while not list(folder.glob(pattern)):
        assert time.monotonic() < deadline, f"{pattern} did not come"
        time.sleep(0.1)


@pytest.mark.slow
def test_a_folder_is_whole_or_not_there(workflow):
    add(workflow, PIECES)
    place, folder = workflow.path("results/tiny"), workflow.path(FOLDER)
    workflow.path("wait").touch()
    running = workflow.start("--", FOLDER)
    wait_for(place, ".*-pieces/b")
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not folder.exists(), "nothing half under the final name"

    workflow.path("wait").unlink()
    folder.mkdir()  # as a job that Snakemake has lost may leave it
    (folder / "older").touch()
    workflow.snakemake("--unlock", "--", FOLDER)
    workflow.snakemake("--rerun-incomplete", "--", FOLDER)
    whole = [".snakemake_timestamp", "a", "b", "c"]
    assert sorted(path.name for path in folder.iterdir()) == whole
    assert [path.name for path in place.iterdir()] == ["pieces"], "nothing staged is left"
    assert "make_pieces" not in workflow.planned(FOLDER)

    workflow.snakemake("--force", "--", FOLDER)
    assert sorted(path.name for path in folder.iterdir()) == whole
    assert [path.name for path in place.iterdir()] == ["pieces"]
