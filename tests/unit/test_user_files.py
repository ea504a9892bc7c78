"""Files and folders that a config names: what is wrong with them is said by the key."""

import os
import re
from types import SimpleNamespace

import pytest

from tybalt.plan.errors import InputError
from tybalt.plan.gene_sets import locate
from tybalt.plan.user_files import (
    check_folder,
    check_path,
    check_paths,
    describe_missing,
    files_of_user,
)

KEY = "datasets.mine.files.expression"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "expression.tsv").write_text("gene\ta\n")
    (tmp_path / "loop.tsv").symlink_to("loop.tsv")
    (tmp_path / "dangling.tsv").symlink_to("nowhere.tsv")
    os.mkfifo(tmp_path / "pipe.tsv")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("", "write the path of one"),
        (" ", "write the path of one"),
        ("data", r"it is a folder \(with expression.tsv\): name a file in it"),
        (".", "it is a folder .*: name a file in it"),
        ("loop.tsv", "it is a link that leads to itself"),
        ("pipe.tsv", "it is a pipe or a device"),
        ("data/{sample}.tsv", "Snakemake takes braces for wildcards: rename it"),
        ("data/expression.tsv/x.tsv", "what should be its folder is a file"),
        ("a" * 300, "the name is too long"),
        ("a\nb.tsv", "characters that cannot be printed"),
        ("a\0b.tsv", "characters that cannot be printed"),
    ],
)
def test_what_no_job_could_read_is_refused_by_its_key(here, path, problem):
    with pytest.raises(InputError, match=problem) as caught:
        check_path(path, KEY)
    assert str(caught.value).startswith(f"{KEY}: found ") and str(caught.value).isprintable()


def test_a_file_that_may_not_be_read_is_refused(here, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may read everything
    with pytest.raises(InputError, match="you may not read it: ask its owner, or `chmod u"):
        check_path("data/expression.tsv", KEY)


@pytest.mark.parametrize("path", ["data/expression.tsv", "data/none.tsv", "dangling.tsv", "a b ü"])
def test_files_that_are_there_or_may_be_made_pass(here, path):
    check_path(path, KEY)


def test_a_gene_set_file_is_looked_at_like_that_too(here):
    with pytest.raises(InputError, match="explain.gene_sets: found 'loop.tsv', expected a file"):
        locate("loop.tsv", "explain.gene_sets")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (
            "data/expresion.tsv",
            r"no such file in .*/data, .*; did you mean 'data/expression.tsv'\?$",
        ),
        ("dat/expression.tsv", "there is no folder .*/dat, and no rule makes it; expected"),
        ("dangling.tsv", "which is a link to 'nowhere.tsv', where there is nothing"),
    ],
)
def test_a_missing_file_of_which_snakemake_speaks_is_named_by_its_key(here, path, found):
    files = {KEY: path, "datasets.mine.files.clinical": "data/expression.tsv"}
    (sentence,) = describe_missing(files, [f"Missing input files for rule x:\n    {path}"])
    assert sentence.startswith(f"{KEY}: found '{path}', ")
    assert re.search(found, sentence)
    assert describe_missing(files, ["something else"]) == []


def test_files_are_listed_with_their_keys():
    mine = {"files": {"clinical": "c.tsv"}, "blocks": {"rna": {"file": "r.tsv"}, "cn": {}}}
    assert files_of_user({"mine": mine, "demo": {"blocks": {}}}) == {
        "datasets.mine.files.clinical": "c.tsv",
        "datasets.mine.blocks.rna.file": "r.tsv",
    }


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("results/{dataset}", "Snakemake takes braces for wildcards"),
        ("data/expression.tsv", "data/expression.tsv is no folder: take it away"),
        ("data/expression.tsv/x", "data/expression.tsv is no folder: take it away"),
        ("loop.tsv/x", "loop.tsv is no folder"),
    ],
)
def test_folders_that_cannot_be_are_refused(here, path, problem):
    with pytest.raises(
        InputError, match=f"results_dir: found '.*', expected a folder; .*{problem}"
    ):
        check_folder(path, "results_dir")


@pytest.mark.parametrize("path", ["results", "data", "data/a/b", "data/../new", "/tmp/x/y"])
def test_folders_that_are_or_may_be_made_pass(here, path):
    check_folder(path, "results_dir")


def test_paths_of_a_study_are_checked(here):
    study = SimpleNamespace(files_of_user={KEY: "loop.tsv"}, config={"results_dir": "results"})
    with pytest.raises(InputError, match=f"{KEY}: found 'loop.tsv'"):
        check_paths(study)
    study = SimpleNamespace(files_of_user={}, config={"results_dir": "loop.tsv"})
    with pytest.raises(InputError, match="results_dir: found 'loop.tsv', expected a folder"):
        check_paths(study)
