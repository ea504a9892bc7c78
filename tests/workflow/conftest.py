"""A copy of the workflow in a folder of its own, and Snakemake run in it as users run it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]

#: Everything that a clone has and a run reads.
PARTS = ("Snakefile", "CITATION.cff", "config", "workflow", "resources", "envs", "profiles")

#: A cohort and models small enough for a test: one search of two trials, one closed form.
TINY = {
    "datasets": {
        "tiny": {
            "kind": "simulated",
            "simulation": {"samples": 240, "genes": 1500, "cancer_types": ["BRCA", "KIRC", "UVM"]},
            "genes": {"count": 200},
            "split": {"validation": 0.2, "test": 0.25},
            "contrasts": {
                "sex": {"covariate": "sex", "positive": ["male"], "within": "cancer_type"},
                "melanoma": {"covariate": "cancer_type", "positive": ["UVM"]},
            },
        }
    },
    "models": {
        "tiny-vae": {
            "module": "vae",
            "fixed": {"latent_dim": 5, "epochs": 3, "batch_size": 50},
            "space": {"learning_rate": [0.001, 0.002]},
        },
        "tiny-pca": {"module": "pca", "fixed": {"latent_dim": 5}},
    },
    "experiments": [{"datasets": ["tiny"], "models": ["tiny-vae", "tiny-pca"], "tuners": ["grid"]}],
}


class Workflow:
    """A working copy of the project."""

    def __init__(self, folder: Path):
        self.folder = folder

    def configure(self, overlay: dict, name: str = "tiny.yaml") -> None:
        """Write an overlay that later runs use."""
        (self.folder / "config" / name).write_text(yaml.safe_dump(overlay))

    def snakemake(self, *arguments: str, overlay: str = "config/tiny.yaml", check: bool = True):
        """Run Snakemake on an overlay; return the completed process with its joined output."""
        done = subprocess.run(
            self.command(*arguments, overlay=overlay),
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONHASHSEED": "random"},
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout[-6000:]
        return done

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake on the overlay, in a process group that can be killed as one."""
        return subprocess.Popen(
            self.command(*arguments, overlay="config/tiny.yaml"),
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @staticmethod
    def command(*arguments: str, overlay: str) -> list[str]:
        configfile = ["--configfile", overlay] if overlay else []
        return [sys.executable, "-m", "snakemake", "--cores", "2", *configfile, *arguments]

    def planned(self, *targets: str, **options) -> dict[str, int]:
        """Count the jobs of a dry run by rule."""
        text = self.snakemake("-n", "--quiet", "rules", "--", *targets, **options).stdout
        return job_counts(text)

    def path(self, name: str) -> Path:
        return self.folder / name


def job_counts(text: str) -> dict[str, int]:
    """Read the table of job counts that a dry run ends with."""
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if line.split() == ["job", "count"]]
    counts = {}
    for line in lines[starts[0] + 2 :] if starts else []:
        words = line.split()
        if len(words) != 2 or not words[1].isdigit():
            break
        counts[words[0]] = int(words[1])
    return counts


def copy_workflow(folder: Path) -> Workflow:
    """Copy what a clone has into an empty folder."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "downloads", ".snakemake")
            shutil.copytree(source, folder / part, ignore=ignore)
        else:
            shutil.copy(source, folder / part)
    workflow = Workflow(folder)
    workflow.configure(TINY)
    return workflow


@pytest.fixture(scope="session")
def pristine(tmp_path_factory) -> Workflow:
    """A copy in which nothing has run; tests must not run anything in it."""
    return copy_workflow(tmp_path_factory.mktemp("pristine"))


@pytest.fixture
def workflow(tmp_path) -> Workflow:
    """A fresh copy of its own."""
    return copy_workflow(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Workflow:
    """A copy in which the tiny study has run to its end; tests may run on from there."""
    workflow = copy_workflow(tmp_path_factory.mktemp("finished"))
    workflow.snakemake()
    return workflow
