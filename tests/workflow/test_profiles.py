"""Each profile as Snakemake resolves it: where jobs go, what they ask for, what reruns them."""

import logging
import os
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import yaml
from conftest import ROOT
from snakemake_executor_plugin_slurm.partitions import get_best_partition, read_partition_file

#: The walltime limit of Biowulf's partition quick, in minutes.
QUICK_LIMIT = 240

#: A study in which every rule has a job: simulated and downloaded datasets, one of them of two
#: blocks, logic genes, and new samples.
EVERY_RULE = {
    "datasets": {
        "logic": {"kind": "logic-genes", "logic": {"independent": 3}},
        "pair": {"kind": "logic-genes", "logic": {"independent": 2}},
        "omics": {
            "kind": "simulated",
            "simulation": {"samples": 100, "genes": 2000, "methylation": {"features": 200}},
            "blocks": {
                "rna": {"features": {"count": 500}},
                "methylation": {"features": {"count": 100}},
            },
        },
        "new": {
            "kind": "simulated",
            "simulation": {"samples": 100, "genes": 2000},
            "project_onto": "demo/demo-vae/grid",
        },
    },
    "models": {"basic": {"module": "autoencoder", "space": {"latent_dim": [1, 2]}}},
    "experiments": [
        {"datasets": ["omics"], "models": ["demo-pca"]},
        {"datasets": ["demo", "tcga"], "models": ["demo-vae", "demo-pca"], "tuners": ["grid"]},
        {"datasets": ["logic", "pair"], "models": ["basic"], "tuners": ["grid"]},
    ],
}

PROFILES = sorted(path.name for path in (ROOT / "profiles").iterdir())
CLUSTERS = [name for name in PROFILES if name != "local"]


def read_profile(name: str) -> dict:
    return yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())


def plan(workflow, *arguments: str) -> str:
    """Dry-run the study in which every rule has a job."""
    workflow.configure(EVERY_RULE, "every-rule.yaml")
    command = [sys.executable, "-m", "snakemake", "-n", *arguments]
    overlays = ["--configfile", "config/demo.yaml", "config/every-rule.yaml"]
    done = subprocess.run(
        command + overlays,
        cwd=workflow.folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def resolved(text: str) -> dict[str, dict[str, str]]:
    """Read the resources of every rule's jobs from a dry run; jobs run locally are left out."""
    jobs = re.findall(
        r"^ *rule (\w+):\n(?:(?! *(?:local)?rule ).*\n)*? *resources: (.*)", text, re.M
    )
    rules: dict[str, dict[str, str]] = {}
    for name, words in jobs:
        found = dict(word.split("=", 1) for word in words.split(", "))
        wanted = {key: found.get(key) for key in ("gres", "mem_mb", "runtime")}
        wanted["accelerator"] = found.get("accelerator")
        assert rules.setdefault(name, wanted) == wanted, (
            f"{name}: its jobs ask for different things"
        )
    rules.pop("all", None)
    return rules


@pytest.fixture(scope="module")
def texts(pristine):
    """The dry run through each profile."""
    return {name: plan(pristine, "--profile", f"profiles/{name}") for name in PROFILES}


@pytest.fixture(scope="module")
def plans(texts):
    """What every rule asks for; on a laptop, this is what the rule itself says."""
    return {name: resolved(text) for name, text in texts.items()}


@pytest.fixture(scope="module")
def submitted(pristine):
    """Rules that have a script and are not run on the driver."""
    text = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    local = set(re.findall(r"^rule (\w+):\n(?:(?!rule ).*\n)*?    localrule: True", text, re.M))
    rules = set(re.findall(r"^(?:use rule \w+ as|rule) (\w+)", text, re.M))
    return rules - local - {"draw_dataset", "draw_experiment"}


def test_every_submitted_rule_has_its_own_memory_and_time(submitted, plans):
    assert submitted <= set(plans["local"]), "these rules have no job in the study of this test"
    for rule in submitted:
        assert plans["local"][rule]["mem_mb"] and plans["local"][rule]["runtime"], rule


@pytest.mark.parametrize("profile", CLUSTERS)
def test_the_first_attempt_asks_for_what_the_rule_says(profile, submitted, plans):
    for rule in submitted:
        for resource in ("mem_mb", "runtime", "accelerator"):
            asked, said = plans[profile][rule][resource], plans["local"][rule][resource]
            assert asked == said, f"{rule}: {resource}"


def partition_of(asked, attempt=1, together=1):
    """Ask the SLURM plugin which of Biowulf's partitions a job goes to."""
    path = ROOT / "profiles" / "biowulf" / "partitions.yaml"
    wanted = {"runtime": int(asked["runtime"]) * attempt * together}
    wanted |= {"mem_mb": int(asked["mem_mb"]) * attempt}
    wanted |= {"gres": asked["gres"]} if asked["gres"] else {}
    job = SimpleNamespace(resources=wanted, threads=1, name="job")
    return get_best_partition(read_partition_file(path), job, logging.getLogger("plugin"))


def test_training_on_biowulf_gets_one_gpu_and_nothing_else_does(submitted, plans):
    for rule in submitted:
        asked = plans["biowulf"][rule]
        trains = asked["accelerator"] == "1"
        assert trains == (rule in ("train_trial", "train_model", "train_replicate"))
        assert asked["gres"] == ("gpu:v100x:1" if trains else None), rule
        assert partition_of(asked) == ("gpu" if trains else "quick"), rule


def test_jobs_that_do_not_fit_into_quick_go_to_norm(plans):
    asked = {**plans["biowulf"]["read_dataset"], "runtime": QUICK_LIMIT}
    assert partition_of(asked) == "quick"
    assert partition_of(asked, attempt=2) == "norm"


def test_a_search_of_any_length_stays_on_a_gpu(plans):
    components = read_profile("biowulf")["group-components"]
    together = components["trials_{dataset}_{model}_{tuner}_{round}"]
    assert partition_of(plans["biowulf"]["train_trial"], attempt=3, together=together) == "gpu"


def test_the_type_of_the_gpu_is_written_once():
    settings = re.sub(r"#.*", "", (ROOT / "profiles" / "biowulf" / "config.yaml").read_text())
    assert settings.count("v100x") == 1


@pytest.mark.parametrize("profile", CLUSTERS)
def test_a_retry_asks_for_more_memory_and_time(profile, pristine, plans, submitted):
    again = resolved(plan(pristine, "--profile", f"profiles/{profile}", "--attempt", "2"))
    for rule in submitted:
        for resource in ("mem_mb", "runtime"):
            assert int(again[rule][resource]) == 2 * int(plans[profile][rule][resource]), rule


@pytest.mark.parametrize("profile", CLUSTERS)
def test_trials_share_an_allocation_within_their_round_only(profile, texts):
    groups = set(re.findall(r"Group job (\S+)", texts[profile]))
    assert {"trials_demo_demo-vae_grid_r0", "fits_tcga_demo-pca_none_r0"} <= groups
    settings = read_profile(profile)
    for kind in ("trials", "fits"):
        together = settings["group-components"][f"{kind}_{{dataset}}_{{model}}_{{tuner}}_{{round}}"]
        assert together > 1
    # One accelerator in each SLURM job puts the trials of a group one after another.
    assert settings["resources"] == {"accelerator": 1, "drawing": 1}
    assert settings["set-resource-scopes"] == {"accelerator": "local", "drawing": "local"}


@pytest.mark.parametrize("profile", CLUSTERS)
def test_figures_share_an_allocation_and_fit_into_the_partition_quick(profile, texts, plans):
    settings = read_profile(profile)
    for rule, asked in plans[profile].items():
        if rule.startswith("plot_"):
            together = settings["group-components"]["figures_{dataset}_{model}_{tuner}"]
            minutes = together * int(asked["runtime"]) * (settings["retries"] + 1)
            assert minutes <= QUICK_LIMIT, rule
    groups = re.findall(r"Group job (\S+)", texts[profile])
    assert {"figures_demo", "figures_demo_demo-vae_grid"} <= set(groups)
    alone = re.findall(r"^rule (plot_\w+):", texts[profile], re.M)
    assert len(alone) < 5, "figures that are the only one of their group"


@pytest.mark.parametrize("profile", PROFILES)
def test_no_profile_reruns_by_snakemakes_own_check_of_code(profile):
    assert sorted(read_profile(profile)["rerun-triggers"]) == [
        "input", "mtime", "params", "software-env",
    ]  # fmt: skip


def test_no_profile_is_loaded_unasked():
    assert "default" not in PROFILES


@pytest.mark.parametrize("profile", CLUSTERS)
def test_clusters_are_treated_as_their_keepers_ask(profile):
    settings = read_profile(profile)
    assert settings["executor"] == "slurm"
    assert settings["max-jobs-per-timespan"] == "1/1s"
    assert settings["seconds-between-status-checks"] >= 30
    assert settings["latency-wait"] >= 120
    assert settings["keep-going"] and settings["keep-incomplete"] and settings["rerun-incomplete"]


# The driver

STAND_IN = f"""#!{sys.executable}
import sys, time
print("started", *sys.argv[1:], flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1)
    print("jobs cancelled", flush=True)
    sys.exit(130)
"""


@pytest.fixture
def driver(tmp_path):
    """The driver's script in a folder where `snakemake` is a stand-in that waits."""
    program = tmp_path / ".venv" / "bin" / "snakemake"
    program.parent.mkdir(parents=True)
    program.write_text(STAND_IN)
    program.chmod(0o755)
    (tmp_path / "Snakefile").touch()
    return tmp_path


def start_driver(folder, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        ["bash", ROOT / "profiles" / "biowulf" / "submit.sh", *arguments],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PATH": "/usr/bin:/bin"},
        # As SLURM starts it; where the tests run in the background, SIGINT would be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_ending_the_driver_interrupts_snakemake_and_waits_for_it(driver, ending):
    running = start_driver(driver, "tune", "--configfile", "config/demo.yaml")
    started = running.stdout.readline()
    assert started.split() == [
        "started", "--profile", "profiles/biowulf", "tune", "--configfile", "config/demo.yaml",
    ]  # fmt: skip
    time.sleep(0.3)
    running.send_signal(ending)
    rest, _ = running.communicate(timeout=20)
    assert "jobs cancelled" in rest
    assert running.returncode == 130


def test_the_driver_says_where_it_must_be_submitted_from(tmp_path):
    running = start_driver(tmp_path)
    message, _ = running.communicate(timeout=20)
    assert running.returncode == 2
    assert "submit from the folder of the repository" in message


def test_the_driver_asks_for_two_cpus_and_8_gb():
    text = (ROOT / "profiles" / "biowulf" / "submit.sh").read_text()
    assert {"--partition=norm", "--cpus-per-task=2", "--mem=8g"} <= set(
        re.findall(r"^#SBATCH (\S+)", text, re.M)
    )


# What it puts before SLURM's own programs


@pytest.fixture
def slurm_program(tmp_path):
    """A function that runs a program of the driver's before one that a test makes up in bash."""

    def run(name: str, text: str) -> subprocess.CompletedProcess:
        for program, script in ((name, text), ("sleep", "echo paused >&2")):
            (tmp_path / program).write_text(f"#!/bin/bash\n{script}\n")
            (tmp_path / program).chmod(0o755)
        ours = ROOT / "profiles" / "biowulf" / "bin"
        return subprocess.run(
            [name, "--parsable", "a b"],
            env={"PATH": f"{ours}:{tmp_path}:/usr/bin:/bin"},
            cwd=tmp_path,
            text=True,
            capture_output=True,
            check=False,
        )

    return run


def test_a_cancelled_job_is_reported_without_by_whom(slurm_program):
    done = slurm_program("sacct", 'printf "7|CANCELLED by 0\\n8|COMPLETED\\n"')
    assert (done.returncode, done.stdout) == (0, "7|CANCELLED\n8|COMPLETED\n")
    assert slurm_program("sacct", "exit 3").returncode == 3


def test_a_submission_waits_while_the_controller_is_away(slurm_program):
    away = "sbatch: error: Batch job submission failed: Unable to contact slurm controller"
    done = slurm_program(
        "sbatch",
        f"echo asked >>asked; if [ $(wc -l <asked) -lt 3 ]; then echo '{away}' >&2; exit 1; fi\n"
        'printf "%s," "$@"',
    )
    assert (done.returncode, done.stdout) == (0, "--parsable,a b,")
    assert done.stderr == "paused\npaused\n"


def test_any_other_refusal_of_a_submission_is_passed_on_at_once(slurm_program):
    done = slurm_program("sbatch", "echo 'Invalid gres specification' >&2; exit 1")
    assert (done.returncode, done.stderr) == (1, "Invalid gres specification\n")
