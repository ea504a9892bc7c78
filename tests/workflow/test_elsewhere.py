"""The workflow run from another folder, and imported by another workflow."""

import http.server
import subprocess
import sys
import threading
from functools import partial

import pytest
import yaml
from conftest import ROOT

#: A study of seconds, in closed form.
SMALL = {
    "datasets": {
        "tiny": {
            "kind": "simulated",
            "simulation": {"samples": 60, "genes": 300, "cancer_types": ["BRCA", "UVM"]},
            "genes": {"count": 100},
        }
    },
    "models": {"parts": {"module": "pca", "fixed": {"latent_dim": 3}}},
    "experiments": [{"datasets": ["tiny"], "models": ["parts"]}],
}

#: Its own rule has a wildcard of the same name; values are none of the study's.
IMPORTING = """
configfile: "mine.yaml"


rule own:
    output:
        "own/{{dataset}}/{{model}}.txt",
    shell:
        "echo {{wildcards}} > {{output}}"


module tybalt:
    snakefile:
        "{snakefile}"
    {config}


use rule * from tybalt as tybalt_*


rule everything:
    default_target: True
    input:
        "own/anything-else/of.the.study.txt",
        "results/tiny/parts/none/figures/history.png",
"""


def snakemake(folder, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_job_runs_from_another_folder(tmp_path):
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL))
    target = "results/tiny/parts/none/figures/history.png"
    done = snakemake(
        tmp_path, "-s", str(ROOT / "Snakefile"), "--configfile", "small.yaml", "--", target
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / target).stat().st_size > 1000


@pytest.mark.slow
def test_a_job_runs_in_a_workflow_that_imports_this_one(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        yaml.safe_dump({"tybalt": SMALL | {"results_dir": "results"}})
    )
    text = IMPORTING.format(
        snakefile=ROOT / "Snakefile", config='config:\n        config["tybalt"]'
    )
    (tmp_path / "Snakefile").write_text(text)
    done = snakemake(tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "results/tiny/parts/none/figures/history.png").stat().st_size > 1000
    own = (tmp_path / "own" / "anything-else" / "of.the.study.txt").read_text()
    assert "anything-else" in own, "the importer's wildcards are not constrained by this workflow"


def test_results_lie_where_the_config_says(tmp_path):
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL | {"results_dir": "out/of/here"}))
    done = snakemake(
        tmp_path, "-n", "-s", str(ROOT / "Snakefile"), "--configfile", "small.yaml", "--forceall"
    )
    assert done.returncode == 0, done.stderr[-3000:]
    plan = done.stdout + done.stderr
    assert "out/of/here/tiny/parts/none/model.zip" in plan
    assert " results/" not in plan


@pytest.mark.parametrize("config", ["", 'config:\n        config["tybalt"]'])
def test_a_remote_module_is_refused_with_one_sentence(tmp_path, config):
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(ROOT))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/Snakefile"
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"tybalt": SMALL}))
        (tmp_path / "Snakefile").write_text(IMPORTING.format(snakefile=address, config=config))
        done = snakemake(tmp_path, "-n")
        server.shutdown()
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert "clone the repository and name its Snakefile by a local path" in text
    assert "ModuleNotFoundError" not in text
