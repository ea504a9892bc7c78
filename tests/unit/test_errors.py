"""Foreign text in messages is shown, not obeyed, and never long."""

import subprocess
import sys
from pathlib import Path

import pytest

from tybalt.jobs import adapter
from tybalt.plan.config import check_config, load_schema
from tybalt.plan.errors import InputError, printable, shown, some

SCHEMA = Path(__file__).resolve().parents[2] / "workflow" / "schemas" / "config.schema.yaml"
ESCAPES = "\x1b[31mred\x1b]0;owned\x07\x1b[2J"


@pytest.mark.parametrize("text", [ESCAPES, "a\x00b", "x" * 3_000_000, "ü ß 中", "it's", ""])
def test_what_is_shown_is_printable_and_short(text):
    for written in (shown(text), some([text] * 9)):
        assert written.isprintable() and len(written) < 600


def test_the_first_names_stand_for_all():
    assert some(["a", "b"]) == "a, b"
    assert some("abcdefg", count=3) == "a, b, c, ..."


def test_a_message_for_a_terminal_keeps_its_lines_and_nothing_else_that_is_obeyed():
    written = printable(f"first\nsecond\t{ESCAPES}")
    assert written == r"first" + "\nsecond\t" + r"\x1b[31mred\x1b]0;owned\x07\x1b[2J"
    assert len(printable("9" * 3_000_000)) < 2100


@pytest.mark.parametrize("text", [ESCAPES, "9" * 3_000_000])
def test_a_job_prints_no_error_that_a_terminal_obeys(text, tmp_path):
    code = (
        "import sys; from tybalt.jobs.environment import start_log\n"
        "from tybalt.plan.errors import InputError\n"
        f"start_log({str(tmp_path / 'log.txt')!r})\n"
        "raise InputError(sys.stdin.read())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(Path(adapter.__file__).parents[2]), "PATH": ""},
        input=text,
        capture_output=True,
        text=True,
    )
    for written in (done.stderr, (tmp_path / "log.txt").read_text()):
        assert written.replace("\n", "").isprintable() and 5 < len(written) < 5000


def test_long_values_of_a_config_are_cut():
    with pytest.raises(InputError) as caught:
        check_config({"seed": "9" * 10**6}, load_schema(SCHEMA))
    assert len(str(caught.value)) < 400
