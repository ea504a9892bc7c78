"""The code hash follows what a script imports, and nothing else."""

import shutil

import pytest

from tybalt.plan import code_hash

SCRIPT = "from tybalt.jobs.adapter import run\nfrom tybalt.work import do\n\nrun(do, snakemake)\n"


def forget():
    """As in another run of Snakemake, which may find other files."""
    code_hash.imported_files.cache_clear()
    code_hash._digest_of.cache_clear()


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """Lay out a scripts folder with a rule whose library imports inside a function."""
    package = tmp_path / "tybalt"
    for folder in ("jobs", "models"):
        (package / folder).mkdir(parents=True)
    files = {
        "do.py": SCRIPT,
        "tybalt/__init__.py": "",
        "tybalt/jobs/adapter.py": "import os\n",
        "tybalt/work.py": "def do():\n    from tybalt import inner\n    inner.go()\n",
        "tybalt/inner.py": "def go():\n    pass\n",
        "tybalt/stranger.py": "x = 1\n",
        "tybalt/models/__init__.py": "",
        "tybalt/models/vae.py": "y = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(code_hash, "SCRIPTS", tmp_path)
    forget()
    yield tmp_path
    forget()


def hash_after(scripts, name, text):
    (scripts / name).write_text(text)
    forget()
    return code_hash.code_hash("do")


def test_an_import_inside_a_function_counts(scripts):
    before = code_hash.code_hash("do")
    assert hash_after(scripts, "tybalt/inner.py", "def go():\n    return 2\n") != before


def test_a_module_that_is_not_imported_does_not_count(scripts):
    before = code_hash.code_hash("do")
    assert hash_after(scripts, "tybalt/stranger.py", "x = 2\n") == before
    assert hash_after(scripts, "tybalt/models/vae.py", "y = 2\n") == before


def test_a_module_named_at_run_time_counts(scripts):
    before = code_hash.code_hash("do", "tybalt.models.vae")
    (scripts / "tybalt/models/vae.py").write_text("y = 2\n")
    forget()
    assert code_hash.code_hash("do", "tybalt.models.vae") != before


def test_the_content_of_a_file_counts_and_not_its_place(scripts, tmp_path_factory):
    paths = [tmp_path_factory.mktemp("files") / "sets.gmt" for _ in range(2)]
    for path in paths:
        path.write_text("A\td\tg1\n")
    before = code_hash.code_hash("do", files=paths[:1])
    assert code_hash.code_hash("do", files=paths[1:]) == before != code_hash.code_hash("do")
    paths[0].write_text("A\td\tg2\n")
    assert code_hash.code_hash("do", files=paths[:1]) != before


def test_the_hash_does_not_depend_on_the_place(scripts, tmp_path_factory, monkeypatch):
    before = code_hash.code_hash("do")
    elsewhere = tmp_path_factory.mktemp("clone") / "scripts"
    shutil.copytree(scripts, elsewhere)
    monkeypatch.setattr(code_hash, "SCRIPTS", elsewhere)
    forget()
    assert code_hash.code_hash("do") == before
