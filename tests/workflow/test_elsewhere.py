"""The workflow away from its own folder: run from elsewhere, and imported by another workflow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import TINY, job_counts

MODEL = "results/tiny/tiny-pca/none/model.zip"

#: An importing workflow that gives a config gives all of it: config/config.yaml is not read then.
WHOLE = {**TINY, "tuners": {"grid": {"module": "grid"}}}

#: A workflow with rules, wildcards and settings of its own, some of them named as ours are.
IMPORTER = """
configfile: "mine.yaml"


rule all:
    input:
        "own/any-thing/other.model.txt",
        "{model}",


rule before:
    output:
        "own/{{dataset}}/{{model}}.txt",
    script:
        "write_config.py"


module tybalt:
    snakefile:
        "{snakefile}"
    config:
        {config}


use rule * from tybalt as tybalt_*


rule after:
    output:
        "later/{{dataset}}/{{round}}.txt",
    script:
        "write_config.py"
"""

WRITE_CONFIG = """
import json
from pathlib import Path

Path(snakemake.output[0]).write_text(json.dumps(snakemake.config))
"""


def snakemake(folder: Path, *arguments: str, check: bool = True, **variables: str) -> str:
    """Run Snakemake in a folder; return its joined output."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **variables},
        check=False,
    )
    assert (done.returncode == 0) == check, done.stdout[-6000:]
    return done.stdout


def files_of(folder: Path) -> set[Path]:
    """The files in a folder, without compiled Python."""
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


def importer(folder: Path, snakefile: Path, config: str, content: dict) -> None:
    """Write a workflow that imports ours."""
    text = IMPORTER.format(model=MODEL, snakefile=snakefile, config=config)
    (folder / "Snakefile").write_text(text)
    (folder / "write_config.py").write_text(WRITE_CONFIG)
    (folder / "mine.yaml").write_text(yaml.safe_dump(content))


@pytest.mark.slow
def test_a_run_from_elsewhere_leaves_everything_there(pristine, tmp_path):
    before = files_of(pristine.folder)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    snakefile = str(pristine.path("Snakefile"))
    options = ("--directory", "run", "--configfile", "tiny.yaml")
    snakemake(tmp_path, "-s", snakefile, *options, "--", MODEL)
    assert (tmp_path / "run" / MODEL).stat().st_size > 0
    assert {path.name for path in tmp_path.iterdir()} == {"run", "tiny.yaml"}
    assert files_of(pristine.folder) == before


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True], ids=["config of its own", "config shared"])
def test_jobs_of_an_importing_workflow_and_of_ours_keep_apart(pristine, tmp_path, shared):
    """Ours read `training.checkpoint_every` in a job, which the importer's config does not have."""
    before = files_of(pristine.folder)
    content = WHOLE if shared else {"training": {"is": "mine"}, "tybalt": WHOLE}
    config = "config" if shared else 'config["tybalt"]'
    importer(tmp_path, pristine.path("Snakefile"), config, content)
    output = snakemake(tmp_path, "--", "all", "later/any-thing/zz.txt")
    assert (tmp_path / MODEL).stat().st_size > 0
    for written in ("own/any-thing/other.model.txt", "later/any-thing/zz.txt"):
        assert yaml.safe_load((tmp_path / written).read_text()) == content
    assert "localrules directive" not in output
    assert files_of(pristine.folder) == before


def test_the_first_rule_of_an_importing_workflow_stays_its_target(pristine, tmp_path):
    importer(tmp_path, pristine.path("Snakefile"), 'config["tybalt"]', {"tybalt": WHOLE})
    counts = job_counts(snakemake(tmp_path, "-n", "--quiet", "rules"))
    assert counts["all"] == counts["before"] == counts["tybalt_fit_model"] == 1
    assert "tybalt_all" not in counts


def test_without_a_config_of_the_importer_ours_is_read_and_overlaid(pristine, tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    (tmp_path / "Snakefile").write_text(
        f'module tybalt:\n    snakefile: "{pristine.path("Snakefile")}"\n'
        "use rule * from tybalt as tybalt_*\n"
    )
    targets = ("results/tiny/matrix.h5ad", "results/tcga/matrix.h5ad")
    output = snakemake(
        tmp_path, "-n", "--quiet", "rules", "--configfile", "tiny.yaml", "--", *targets
    )
    assert job_counts(output)["tybalt_read_dataset"] == 2


LOCAL = {
    **WHOLE,
    "datasets": {
        "tiny": {
            "kind": "local",
            "files": {"expression": "own/matrix/a.txt", "clinical": "own/clinical/a.txt"},
            "clinical": {"columns": {"sample": "sample", "cancer_type": "type"}},
        }
    },
}


def test_files_of_a_dataset_may_be_made_by_rules_of_an_importing_workflow(pristine, tmp_path):
    importer(tmp_path, pristine.path("Snakefile"), 'config["tybalt"]', {"tybalt": LOCAL})
    counts = job_counts(snakemake(tmp_path, "-n", "--quiet", "rules", "--", MODEL))
    assert counts["before"] == 2 and counts["tybalt_read_dataset"] == 1


@pytest.mark.parametrize("imported", [False, True])
def test_a_missing_file_of_a_dataset_is_named_by_its_key_at_the_very_end(
    imported, pristine, tmp_path
):
    files = {"expression": "data/none.tsv", "clinical": "data/none.tsv"}
    content = {**LOCAL, "datasets": {"tiny": {**LOCAL["datasets"]["tiny"], "files": files}}}
    importer(tmp_path, pristine.path("Snakefile"), 'config["tybalt"]', {"tybalt": content})
    options = ["-n"]
    if not imported:
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
        options += ["-s", str(pristine.path("Snakefile")), "--configfile", "mine.yaml"]
    output = snakemake(tmp_path, *options, "--", MODEL, check=False)
    assert "MissingInputException" in output
    *_, before, last = output.strip().splitlines()
    for line, table in ((before, "clinical"), (last, "expression")):
        assert line.startswith(f"ERROR: datasets.tiny.files.{table}: found 'data/none.tsv', but ")


@pytest.mark.parametrize("config", ["", "    config: {}\n"], ids=["no config", "config"])
def test_a_remote_module_is_refused_in_one_sentence(pristine, tmp_path, config):
    """Git is told to take the repository of GitHub from a folder, so no network is asked."""
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "Snakefile").write_text(pristine.path("Snakefile").read_text())
    git = ["git", "-C", str(repository), "-c", "user.name=test", "-c", "user.email=test@test"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"], ["tag", "v1"]):
        subprocess.run([*git, *command], check=True)
    (tmp_path / "Snakefile").write_text(
        'module tybalt:\n    snakefile: github("owner/name", path="Snakefile", tag="v1")\n'
        f"{config}use rule * from tybalt as tybalt_*\n"
    )
    output = snakemake(
        tmp_path,
        "-n",
        check=False,
        XDG_CACHE_HOME=str(tmp_path / "cache"),
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"url.{repository}.insteadOf",
        GIT_CONFIG_VALUE_0="https://github.com/owner/name",
    )
    assert "clone the repository and name its Snakefile by a local path" in output
    assert "ModuleNotFoundError" not in output


def test_results_lie_where_the_config_says(pristine, tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY | {"results_dir": "out/of/here/"}))
    snakefile = str(pristine.path("Snakefile"))
    plan = snakemake(tmp_path, "-n", "-s", snakefile, "--configfile", "tiny.yaml")
    assert "out/of/here/tiny/tiny-pca/none/model.zip" in plan
    assert " results/" not in plan
