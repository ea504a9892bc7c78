"""Many jobs: what groups save, and how the driver holds up. Training is a sleep here, only here."""

import time

import pytest

from .conftest import name_of, study_of, vae, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.faults]

#: Stands in for scripts/train_trial.py: what a trial of four epochs writes, after a while.
STUB = """
import json
import time

time.sleep({seconds})
score = float(snakemake.params.hyperparameters["learning_rate"])
training = snakemake.params.training
record = {{
    "status": "ok", "score": score, "objective": training["objective"],
    "module": training["module"], "hyperparameters": snakemake.params.hyperparameters,
    "seed": snakemake.params.seed, "epochs": 4, "best_epoch": 4, "parameters": 1, "warnings": [],
    "start": None, "marks": [], "readouts": [],
    "history": {{"epoch": [1, 2, 3, 4], "score": [score] * 4, "eligible": [True] * 4}},
    "proposal": None,
}}
with open(snakemake.output.trial, "w") as file:
    json.dump(record, file)
"""


def stub(site, trials: int, seconds: float) -> None:
    """Plan a search of this many trials, each of which sleeps."""
    rates = [round(0.0001 * (number + 1), 4) for number in range(trials)]
    site.configure(study_of({"net": vae(4, learning_rate=rates)}))
    site.path("workflow/scripts/train_trial.py").write_text(STUB.format(seconds=seconds))


@pytest.mark.parametrize("together", [10, 1])
def test_a_hundred_short_trials(tiny, together, figures):
    stub(tiny, 100, 3)
    if together == 1:
        name = "trials_{dataset}_{model}_{tuner}_{round}"
        tiny.edit("profiles/biowulf/config.yaml", f"{name}: 10 ", f"{name}: 1 ")
    begun = time.monotonic()
    tiny.finish("tune")
    wall = time.monotonic() - begun
    jobs = [job for job in tiny.jobs() if name_of(job).startswith("trials_")]
    assert len(jobs) == 100 / together
    assert len(list(tiny.folder.glob("results/tiny/*/*/trials/r0/*/e0.json"))) == 100
    held = sum(int(job["ElapsedRaw"]) for job in jobs)
    figures(
        f"100 trials of 3 s, {together} to a job: {len(jobs)} submissions, {wall:.0f} s in all, "
        f"{held} GPU seconds held, {held - 300} of them not training"
    )


def test_a_grid_of_1280_trainings(tiny, figures):
    stub(tiny, 1280, 0.5)
    begun = time.monotonic()
    tiny.snakemake("-n", "-q", "--", "tune")
    dry = time.monotonic() - begun
    begun = time.monotonic()
    driver = tiny.submit("tune")
    wait_for(lambda: tiny.jobs(), "the first job")
    first = time.monotonic() - begun
    assert tiny.wait(driver, 3 * 3600) == "COMPLETED", tiny.log(driver)[-4000:]
    wall = time.monotonic() - begun
    jobs = [job for job in tiny.jobs() if name_of(job).startswith("trials_")]
    assert len(jobs) == 128
    steps = tiny.slurm.run("sacct", "-P", "-n", "-j", f"{driver}.batch", "-o", "MaxRSS,TotalCPU")
    figures(
        f"1,280 trainings: dry run {dry:.1f} s, first submission after {first:.0f} s, {len(jobs)} "
        f"submissions, {wall:.0f} s in all; driver's memory, CPU time: {steps.strip()}"
    )
