"""Ends of a job that nobody has to debug are one sentence, in the log and on the terminal."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tybalt.jobs import adapter, ends

OUTPUTS = ["results/demo/matrix.h5ad"]


def caused_by(error):
    """An error that another one has caused, as libraries wrap them."""
    try:
        try:
            raise error
        except type(error) as cause:
            raise RuntimeError("cannot write") from cause
    except RuntimeError as wrapped:
        return wrapped


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "results/demo/matrix.h5ad"),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "results/demo/matrix.h5ad"),
        caused_by(OSError(errno.ENOSPC, "no space", "results/demo/matrix.h5ad")),
    ],
)
def test_a_full_disk_is_named_by_what_could_not_be_written(error):
    sentence = ends.in_words(error, OUTPUTS, 4000)
    assert sentence.startswith("results/demo/matrix.h5ad: no space is left on this disk; free some")


def test_where_the_library_does_not_say_what_the_full_folder_is_named(tmp_path, monkeypatch):
    """As h5py: an OSError without a number and without a name."""
    error = OSError("Can't write data (errno = 28, error message = 'No space left on device')")
    outputs = [str(tmp_path / "a" / "x.tsv"), str(tmp_path / "b" / "y.h5ad")]
    for path in outputs:
        Path(path).parent.mkdir()

    def usage(folder):
        return type("Usage", (), {"free": 0 if folder == tmp_path / "b" else 1 << 40})

    monkeypatch.setattr(ends.shutil, "disk_usage", usage)
    assert ends.in_words(error, outputs, None).startswith(f"{tmp_path / 'b'}: no space is left")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        SystemError("error return without exception set"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 80 bytes."),
        caused_by(MemoryError("Unable to allocate 7.28 TiB for an array")),
    ],
)
def test_too_little_memory_is_said_with_what_to_lower(error):
    sentence = ends.in_words(error, OUTPUTS, 4000)
    assert sentence.startswith("out of memory (its rule asks for 4,000 MB): run fewer jobs")
    assert "batch_size" in sentence


def test_numpy_asks_for_too_much():
    with pytest.raises(MemoryError) as caught:
        np.empty(1 << 48)
    assert ends.in_words(caught.value, OUTPUTS, None).startswith("out of memory: ")


@pytest.mark.parametrize("error", [KeyError("score"), ValueError("1e5"), OSError(2, "no file")])
def test_other_errors_stay_what_they_are(error):
    assert ends.in_words(error, OUTPUTS, 4000) is None


JOB = """
import sys, time
from types import SimpleNamespace
from tybalt.jobs import adapter

def work(table):
    if sys.argv[2] == "full":
        raise OSError(28, "No space left on device", table)
    print("working", flush=True)
    time.sleep(60)

adapter.run(work, SimpleNamespace(
    rule="toy", input={}, output={"table": sys.argv[1] + "/out.tsv"}, params={}, config={},
    wildcards={}, threads=1, resources={}, log=[sys.argv[1] + "/log.txt"],
))
"""


def start(folder, how):
    return subprocess.Popen(
        [sys.executable, "-c", JOB, str(folder), how],
        env={"PYTHONPATH": str(Path(adapter.__file__).parents[2]), "PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores interruptions, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_a_job_on_a_full_disk_ends_with_one_sentence(tmp_path):
    job = start(tmp_path, "full")
    _, said = job.communicate(timeout=60)
    assert job.returncode == 1 and "Traceback" not in said
    assert "out.tsv: no space is left on this disk" in said
    log = (tmp_path / "log.txt").read_text()
    assert "ERROR" in log and "Traceback" not in log
    assert [path.name for path in tmp_path.iterdir()] == ["log.txt"]


def test_an_interrupted_job_ends_without_a_traceback(tmp_path):
    job = start(tmp_path, "wait")
    assert job.stdout.readline() == "working\n"
    time.sleep(0.2)
    job.send_signal(signal.SIGINT)
    _, said = job.communicate(timeout=60)
    assert job.returncode != 0 and "Traceback" not in said
    assert (tmp_path / "log.txt").read_text().splitlines()[-1].endswith("interrupted")
    assert [path.name for path in tmp_path.iterdir()] == ["log.txt"]
