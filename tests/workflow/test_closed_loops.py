"""Bayesian and Hyperband searches as Snakemake runs them, and what a killed Snakemake leaves."""

import os
import signal
import time

import psutil
import pytest
from conftest import TINY, copy_workflow

from tybalt.jobs.files import read_json, read_table

#: A Bayesian search of a closed form, and a Hyperband search (5 settings for 1 or 3 epochs, the
#: best of 3 goes on from 1 to 3 epochs).
CLOSED = {
    "datasets": TINY["datasets"],
    "models": {
        "parts": {
            "module": "nmf",
            "fixed": {"max_iter": 20},
            "space": {"latent_dim": [2, 3, 4, 5], "alpha": [0.0, 0.001], "l1_ratio": [0.0, 1.0]},
        },
        "tiny-vae": {
            "module": "vae",
            "fixed": {"latent_dim": 5, "batch_size": 50},
            "space": {"learning_rate": [0.001, 0.002, 0.003], "kappa": [0.5, 1.0]},
        },
    },
    "tuners": {
        "bayes": {
            "module": "bayesian",
            "rounds": 3,
            "trials_per_round": 2,
            "num_initial_points": 4,
        },
        "band": {"module": "hyperband", "max_epochs": 3, "factor": 3},
    },
    "experiments": [
        {"datasets": ["tiny"], "models": ["parts"], "tuners": ["bayes"]},
        {"datasets": ["tiny"], "models": ["tiny-vae"], "tuners": ["band"]},
    ],
}

PARTS, VAE = "results/tiny/parts/bayes", "results/tiny/tiny-vae/band"


def test_a_dry_run_shows_every_job_of_a_closed_loop(workflow):
    workflow.configure(CLOSED)
    counts = workflow.planned("tune")
    assert counts["propose_trials"] == 3 + 2
    assert counts["fit_trial"] == 3 * 2
    assert counts["train_trial"] == 5 + 1
    assert counts["rank_trials"] == 2


def test_executions_multiply_trainings_but_not_proposals(workflow):
    workflow.configure({**CLOSED, "training": {"executions_per_trial": 2}})
    counts = workflow.planned("tune")
    assert counts["propose_trials"] == 3 + 2
    assert counts["fit_trial"] == 3 * 2, "a closed form is not repeated"
    assert counts["train_trial"] == 2 * (5 + 1)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A copy in which both searches and the winners' trainings have run undisturbed."""
    workflow = copy_workflow(tmp_path_factory.mktemp("tuned"))
    workflow.configure(CLOSED)
    workflow.snakemake("--profile", "profiles/local", "--", "train")
    return workflow


@pytest.mark.slow
def test_both_searches_end_with_a_winner_that_is_trained_again(tuned):
    for experiment in (PARTS, VAE):
        best = read_json(tuned.path(f"{experiment}/best.json"))
        trial = read_json(
            tuned.path(f"{experiment}/trials/{best['round']}/{best['trial']}/e0.json")
        )
        history = read_table(tuned.path(f"{experiment}/history.tsv"))
        history = history[history["epoch"] > 0]  # epoch 0 is the model at its start
        for column, values in trial["history"].items():
            assert history[column].tolist() == values, column
    assert read_json(tuned.path(f"{PARTS}/best.json"))["trainings"] == 6
    banded = read_json(tuned.path(f"{VAE}/best.json"))
    # 3 settings for 1 epoch, 2 for 3; the best of the 3 is trained again, for 3
    assert (banded["configurations"], banded["trainings"], banded["epochs"]) == (5, 6, 3 + 6 + 3)
    assert len(read_table(tuned.path(f"{VAE}/trials.tsv"))) == 5


@pytest.mark.slow
def test_a_finished_search_runs_nothing_although_the_states_are_gone(tuned):
    assert "Nothing to be done" in tuned.snakemake("--", "train").stdout


@pytest.mark.slow
def test_more_rounds_run_the_new_rounds_alone(tuned):
    longer = {**CLOSED["tuners"], "bayes": {**CLOSED["tuners"]["bayes"], "rounds": 4}}
    tuned.configure({**CLOSED, "tuners": longer}, "longer.yaml")
    counts = tuned.planned("tune", overlay="config/longer.yaml")
    assert (counts["propose_trials"], counts["fit_trial"], counts["rank_trials"]) == (1, 2, 1)


@pytest.mark.slow
def test_a_rung_can_run_again_without_the_states_it_went_on_from(tuned):
    trial = tuned.path(f"{VAE}/trials/r1/s00/e0.json")
    before = trial.read_bytes()
    trial.unlink()
    target = str(trial.relative_to(tuned.folder))  # nothing that is there asks for it again
    done = tuned.snakemake("--profile", "profiles/local", "--", target)
    assert trial.read_bytes() == before
    assert done.stdout.count("rule train_trial:") == 1
    log = tuned.path("results/logs/train_trial/tiny/tiny-vae/band/r1/s00/e0.log").read_text()
    assert "epoch 1:" in log


@pytest.mark.slow
@pytest.mark.parametrize(
    ("experiment", "logs"),
    [(PARTS, "fit_trial/tiny/parts/bayes/r1"), (VAE, "train_trial/tiny/tiny-vae")],
)
def test_trainings_that_outlive_a_killed_snakemake_are_neither_raced_nor_lost(
    experiment, logs, tuned, workflow
):
    """Killed in the middle of a search; then the two commands that the README gives."""
    workflow.configure(CLOSED)
    target, folder = f"{experiment}/best.json", workflow.path("results/logs") / logs
    running = workflow.start("--profile", "profiles/local", "--", target)
    wait_for_training(running, folder)
    assert kill_the_driver_alone(running), "no training lives on"
    results = [path for path in workflow.path(experiment).rglob("e0.json") if path.is_file()]
    finished = {path: path.stat().st_mtime_ns for path in results}
    workflow.snakemake("--profile", "profiles/local", "--unlock")
    workflow.snakemake("--profile", "profiles/local", "--", target)
    assert any("taken over" in path.read_text() for path in folder.rglob("*.log"))
    for path, changed in finished.items():
        assert path.stat().st_mtime_ns == changed, f"{path}: made again"
    assert workflow.path(target).read_bytes() == tuned.path(target).read_bytes()


@pytest.mark.slow
def test_a_training_killed_in_a_closed_loop_is_repeated_and_nothing_else(tuned, workflow):
    workflow.configure(CLOSED)
    target = f"{VAE}/best.json"
    rungs = workflow.path("results/logs/train_trial/tiny/tiny-vae/band")
    running = workflow.start("--profile", "profiles/local", "--", target)
    wait_for_training(running, rungs / "r1")
    for child in psutil.Process(running.pid).children(recursive=True):
        if any("train_trial" in word for word in child.cmdline()):
            child.kill()
    assert running.wait() == 1
    assert not workflow.path(target).exists()
    results = workflow.path(VAE).glob("trials/r0/*/e0.json")
    finished = {path: path.stat().st_mtime_ns for path in results}
    assert len(finished) == 5, "the round before"
    done = workflow.snakemake("--profile", "profiles/local", "--", target)
    assert done.stdout.count("rule train_trial:") == 1
    assert finished == {path: path.stat().st_mtime_ns for path in finished}
    assert workflow.path(target).read_bytes() == tuned.path(target).read_bytes()


def wait_for_training(running, folder, seconds: float = 300) -> None:
    """Wait until a training of a round has begun."""
    deadline = time.monotonic() + seconds
    while not any("_trial:" in path.read_text() for path in folder.rglob("*.log")):
        assert time.monotonic() < deadline, "no training began"
        assert running.poll() is None, "Snakemake ended before"
        time.sleep(0.05)


def kill_the_driver_alone(running) -> list[psutil.Process]:
    """Kill Snakemake, but not what it has started; return the processes that live on."""
    children = psutil.Process(running.pid).children(recursive=True)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    return [child for child in children if child.is_running()]
