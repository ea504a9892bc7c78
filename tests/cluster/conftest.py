"""A SLURM for all tests of this folder, and working copies whose jobs it runs.

A fault has to strike at a certain moment. No test hopes to hit it: it has the moment held, strikes,
and lets go (`Site.hold_trainings`, `Site.hold`).
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from .slurm import Slurm, UnavailableError, install

ROOT = Path(__file__).resolve().parents[2]

#: Everything that a clone has and a run reads.
PARTS = ("Snakefile", "CITATION.cff", "config", "workflow", "resources", "envs", "profiles")

#: The profile waits a minute before it asks how a job is, and between contrasts; a test does not.
IMPATIENT = (
    "--seconds-between-status-checks", "3", "--slurm-init-seconds-before-status-checks", "3",
)  # fmt: skip

#: Seconds that no step of a test takes, however busy the machine is.
PATIENCE = 1500

#: Small enough that waiting and starting take longer than computing.
TINY = {
    "kind": "simulated",
    "simulation": {"samples": 240, "genes": 1500, "cancer_types": ["BRCA", "KIRC", "UVM"]},
    "genes": {"count": 200},
    "split": {"validation": 0.2, "test": 0.25},
}

#: Stands before scripts/train_trial.py in a copy whose trainings are held: none gets past epoch 100
#: once as many have finished as the file `hold` allows.
HELD_TRAINING = """
import logging
import os
import time
from pathlib import Path


def may_go_on():
    try:
        allowed = int(Path("hold").read_text())
    except FileNotFoundError:
        return True
    return len(list(Path().glob("results/*/*/*/trials/*/*/e*.json"))) < allowed


def wait_at_epoch_100(record):
    if record.getMessage().startswith("epoch 100:") and not may_go_on():
        Path("held", os.environ["SLURM_JOB_ID"]).touch()
        while not may_go_on():
            time.sleep(0.2)
    return True


logging.getLogger("tybalt.training.train").addFilter(wait_at_epoch_100)
"""

#: Stands in front of a SLURM program that a driver calls: waits while it is held, then calls it,
#: and notes how that ended.
STAND_IN = """#!/bin/sh
if [ -e "{folder}/hold-{name}" ]; then
    : >"{folder}/held/{name}"
    while [ -e "{folder}/hold-{name}" ]; do sleep 0.2; done
fi
{program} "$@"
status=$?
echo "$status" >>"{folder}/calls-{name}"
exit "$status"
"""


@pytest.fixture(scope="session")
def slurm():
    """The whole SLURM; tests are skipped where it cannot be installed."""
    try:
        install()
    except UnavailableError as reason:
        pytest.skip(f"no SLURM to test on: {reason}")
    cluster = Slurm()
    cluster.start()
    yield cluster
    cluster.stop()
    wait_for(lambda: not cluster.processes(), "the end of all processes", 60)


#: Whether a test has passed, for the fixtures that end after it.
PASSED = pytest.StashKey[bool]()


@pytest.fixture(autouse=True)
def whole(slurm, request):
    """Every test finds the cluster whole; one that leaves it otherwise fails, and it alone."""
    slurm.mend()
    yield
    found = slurm.mend()
    # One that failed, or was interrupted, need not say so twice.
    if request.node.stash.get(PASSED, False):
        assert not found, f"not left as it was found, and mended: {'; '.join(found)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Keep whether a test has passed."""
    report = yield
    if report.when == "call":
        item.stash[PASSED] = report.passed
    return report


class Site:
    """A working copy of the project on the cluster."""

    def __init__(self, folder: Path, slurm: Slurm):
        self.folder = folder
        self.slurm = slurm
        # People come to their folder by a link: on Biowulf, /data/NAME is one.
        self.link = folder.with_name(f"{folder.name}-link")
        self.link.symlink_to(folder)
        self.overlay = "config/demo.yaml"
        (folder / "held").mkdir(exist_ok=True)
        (folder / "stand-ins").mkdir(exist_ok=True)
        python = str(Path(sys.executable).parent)
        # The GPUs are stand-ins; the adapter would rightly refuse to train on them.
        self.env = {
            **slurm.env,
            "PATH": f"{folder}/stand-ins:{slurm.folder}/bin:{python}:{slurm.env['PATH']}",
            "TYBALT_GPU_CHECK": "off",
        }

    def configure(self, overlay: dict) -> None:
        """Write the overlay of later runs."""
        (self.folder / "config" / "test.yaml").write_text(yaml.safe_dump(overlay))
        self.overlay = "config/test.yaml"

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text in a file of this copy."""
        path = self.folder / name
        text = path.read_text()
        assert old in text, f"{name}: {old}"
        path.write_text(text.replace(old, new))

    def ask_for(self, rule: str, **resources: str) -> None:
        """Have the profile ask for other resources for a rule."""
        path = self.path("profiles/biowulf/config.yaml")
        profile = yaml.safe_load(path.read_text())
        profile["set-resources"][rule] = {**profile["set-resources"][rule], **resources}
        path.write_text(yaml.safe_dump(profile))

    def hold_trainings(self, finished: int = 0) -> None:
        """Let trainings come to epoch 100 and no further, but for the first ones to finish."""
        script = self.path("workflow/scripts/train_trial.py")
        script.write_text(HELD_TRAINING + script.read_text())
        self.path("hold").write_text(str(finished))

    def held(self, count: int = 1) -> list[str]:
        """Wait until so many jobs have a training that is held; return their numbers."""

        def found() -> list[str]:
            numbers = [path.name for path in self.path("held").glob("[0-9]*")]
            return numbers if len(numbers) >= count else []

        return sorted(wait_for(found, f"{count} held trainings"), key=int)

    def release_trainings(self) -> None:
        """Let all trainings go on, also later ones."""
        self.path("hold").unlink()

    def stand_in(self, name: str) -> None:
        """Put a stand-in before a SLURM program that the driver calls."""
        program = self.slurm.folder / "bin" / name
        path = self.path(f"stand-ins/{name}")
        path.write_text(STAND_IN.format(folder=self.folder, name=name, program=program))
        path.chmod(0o755)

    def hold(self, name: str) -> None:
        """Have the driver's next calls of a program that has a stand-in wait."""
        self.path(f"hold-{name}").touch()

    def release(self, name: str) -> None:
        """Let them go on."""
        self.path(f"hold-{name}").unlink()

    def calls(self, name: str) -> list[str]:
        """How the driver's calls of a program that has a stand-in have ended, oldest first."""
        path = self.path(f"calls-{name}")
        return path.read_text().split() if path.exists() else []

    def path(self, name: str) -> Path:
        return self.folder / name

    def submit(self, *arguments: str) -> str:
        """Submit the driver, as users do; return its number."""
        sbatch = f"{self.slurm.folder}/bin/sbatch"  # not the driver's, which may be held
        command = [sbatch, "--parsable", "profiles/biowulf/submit.sh"]
        command += [*self._configfile(), *IMPATIENT, *arguments]
        return self._run(*command, folder=self.link).stdout.strip()

    def snakemake(self, *arguments: str, profile: str = "biowulf", check: bool = True):
        """Run Snakemake here and now; return the completed process, its output joined."""
        command = [sys.executable, "-m", "snakemake", "--profile", f"profiles/{profile}"]
        return self._run(*command, *self._configfile(), *arguments, check=check)

    def finish(self, *arguments: str) -> str:
        """Run the driver to its end; return its log, which must tell of success."""
        number = self.submit(*arguments)
        assert self.wait(number) == "COMPLETED", self.log(number)[-6000:]
        return self.log(number)

    def wait(self, number: str, seconds: float = PATIENCE) -> str:
        """Wait until accounting knows how a job ended; return its state."""

        def ended() -> str | None:
            state = self.state(number)
            return state if state not in (None, "PENDING", "RUNNING", "COMPLETING") else None

        return wait_for(ended, f"the end of job {number}", seconds)

    def state(self, number: str) -> str | None:
        """How accounting says that a job is; None while it does not know it."""
        return {job["JobID"]: job["State"] for job in self.slurm.accounted()}.get(number)

    def log(self, number: str) -> str:
        """What the driver has printed."""
        path = self.path(f"tybalt-{number}.log")
        return path.read_text() if path.exists() else ""

    def jobs(self, since: str = "0") -> list[dict[str, str]]:
        """Jobs of this copy but drivers, from accounting, oldest first; see `name_of`."""
        return [
            job
            for job in self.slurm.accounted()
            if job["WorkDir"] == str(self.folder)
            and job["JobName"] != "tybalt"
            and int(job["JobID"]) > int(since)
        ]

    def _configfile(self) -> list[str]:
        return ["--configfile", self.overlay]

    def _run(
        self, *command: str, folder: Path | None = None, check: bool = True
    ) -> subprocess.CompletedProcess:
        done = subprocess.run(
            command,
            cwd=folder or self.folder,
            env={**self.env, "PWD": str(folder or self.folder)},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout[-6000:]
        return done


def wait_for(happened: Callable, what: str, seconds: float = PATIENCE):
    """Wait until a function returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := happened():
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what} did not come within {seconds} s")


def name_of(job: dict[str, str]) -> str:
    """The rule of a job, or the name of its group."""
    return job["Comment"].removeprefix("rule_").split("_wildcards_")[0]


@pytest.fixture(scope="session")
def copy_site(slurm, tmp_path_factory):
    """A function that makes a working copy."""

    def copy(name: str, source: Path = ROOT, parts=PARTS) -> Site:
        folder = tmp_path_factory.mktemp(name)
        for part in parts:
            ignore = shutil.ignore_patterns("__pycache__", "downloads")
            if (source / part).is_dir():
                shutil.copytree(source / part, folder / part, ignore=ignore)
            else:
                shutil.copy2(source / part, folder / part)
        return Site(folder, slurm)

    return copy


@pytest.fixture(scope="session")
def prepared(copy_site):
    """A copy with the matrix of the tiny cohort; nothing else may be run in it."""
    site = copy_site("prepared")
    site.configure(study_of({"pca": {"module": "pca", "fixed": {"latent_dim": 5}}}))
    site.snakemake("--cores", "2", "--", "preprocess", profile="local")
    return site


@pytest.fixture
def tiny(copy_site, prepared):
    """A fresh copy in which the matrix is there and the models are a test's own."""
    parts = (*PARTS, ".snakemake", "results")
    return copy_site("tiny", prepared.folder, parts)


def study_of(models: dict, tuner: str = "grid") -> dict:
    """The overlay of a study of these models on the tiny cohort."""
    return {
        "datasets": {"tiny": TINY},
        "models": models,
        "experiments": [{"datasets": ["tiny"], "models": sorted(models), "tuners": [tuner]}],
    }


def vae(epochs: int, **space: list) -> dict:
    """The config entry of a small VAE."""
    known = {"latent_dim": 5, "epochs": epochs, "batch_size": 50}
    fixed = {name: value for name, value in known.items() if name not in space}
    return {"module": "vae", "fixed": fixed, **({"space": space} if space else {})}


def bytes_of(site: Site, pattern: str) -> dict[str, bytes]:
    """The content of all files of a pattern, by name."""
    found = sorted(site.folder.glob(pattern))
    return {str(path.relative_to(site.folder)): path.read_bytes() for path in found}


#: Rows of the table that the tests of faults end with.
ROWS: list[tuple[str, str, int, str]] = []


@pytest.fixture
def table():
    """A function that adds a row: fault, what happened, SLURM jobs repeated, results identical."""

    def add(fault: str, happened: str, repeated: int, identical: bool) -> None:
        ROWS.append((fault, happened, repeated, "yes" if identical else "NO"))

    return add


#: Lines of figures that the tests of scale end with.
FIGURES: list[str] = []


@pytest.fixture
def figures():
    """A function that adds a line of figures."""
    return FIGURES.append


def pytest_terminal_summary(terminalreporter):
    """Print the table of faults, and the figures."""
    if FIGURES:
        terminalreporter.section("figures")
        for line in FIGURES:
            terminalreporter.line(line)
    if ROWS:
        terminalreporter.section("faults")
        terminalreporter.line("| fault | what happened | jobs repeated | results identical |")
        terminalreporter.line("| --- | --- | --- | --- |")
        for row in ROWS:
            terminalreporter.line(f"| {' | '.join(map(str, row))} |")
