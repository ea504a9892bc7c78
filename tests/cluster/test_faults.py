"""What goes wrong on a cluster, done to a study on purpose: it ends, and ends as if undisturbed."""

import time

import pytest

from .conftest import PARTS, bytes_of, name_of, study_of, vae, wait_for
from .slurm import gpus

pytestmark = [pytest.mark.cluster, pytest.mark.faults]

#: One search, one group: two trainings, one after another in one SLURM job.
SEARCH = study_of({"net": vae(800, learning_rate=[0.001, 0.002])})
GROUP = "trials_tiny_net_grid_r0_train_trial"
TRIALS = "results/tiny/*/*/trials/r0/*/e0.json"
RANKING = "results/tiny/*/*/trials.tsv"
LOGS = "results/logs/train_trial/**/*.log"


@pytest.fixture(scope="module")
def undisturbed(copy_site, prepared):
    """A function that gives the results of a study on a laptop, where nothing happens to it."""

    def results(overlay: dict) -> dict[str, bytes]:
        site = copy_site("undisturbed", prepared.folder, (*PARTS, ".snakemake", "results"))
        site.configure(overlay)
        site.snakemake("--cores", "2", "--", "tune", profile="local")
        return results_of(site)

    return results


@pytest.fixture(scope="module")
def expected(undisturbed):
    """The results of the search."""
    return undisturbed(SEARCH)


@pytest.fixture
def search(tiny):
    """A copy that is about to run the search."""
    tiny.configure(SEARCH)
    return tiny


def results_of(site) -> dict[str, bytes]:
    return {**bytes_of(site, TRIALS), **bytes_of(site, RANKING)}


def training(site, words: str = "epoch 100:"):
    """Wait until a training has logged something, and return the log."""
    return wait_for(
        lambda: next((path for path in site.folder.glob(LOGS) if words in path.read_text()), None),
        f"{words!r} in a training's log",
    )


def searches(site) -> list[dict[str, str]]:
    """The SLURM jobs of the search, oldest first; accounting has no comment of a running job."""
    jobs = [job for job in site.jobs() if job["Partition"] == "gpu"]
    assert all(name_of(job) in (GROUP, "") for job in jobs)
    return jobs


def running(site) -> list[dict[str, str]]:
    """Jobs of a copy that wait or run."""
    return [job for job in site.jobs() if job["State"] in ("PENDING", "RUNNING")]


def test_a_trial_that_exceeds_its_memory_is_killed_and_gets_more(search, expected, table):
    search.edit(
        "profiles/biowulf/config.yaml", "mem_mb: 6000 * attempt", "mem_mb: 400 * 9 ** (attempt - 1)"
    )
    search.finish("tune")
    killed, again = searches(search)
    assert killed["ReqMem"] == "400M" and killed["State"] == "FAILED", killed
    assert "exceeded memory limit" in slurm_log(search, killed)
    assert again["ReqMem"] == "3600M" and again["State"] == "COMPLETED", again
    table(
        "memory exceeded", "killed by SLURM; retry asked for 9 x", 1, results_of(search) == expected
    )
    assert results_of(search) == expected


def test_a_trial_that_exceeds_its_time_goes_on_from_its_checkpoint(tiny, undisturbed, table):
    study = study_of({"net": vae(epochs_of(90, tiny, undisturbed))}, tuner="none")
    expected = undisturbed(study)
    tiny.edit("profiles/biowulf/config.yaml", "runtime: 30 * attempt", "runtime: 1 * attempt")
    tiny.configure(study)
    tiny.finish("tune", "--retries", "5")
    jobs = [job for job in tiny.jobs() if gpus(job)]
    assert [job["State"] for job in jobs[:-1]] == ["TIMEOUT"] * (len(jobs) - 1) and len(jobs) > 1
    assert jobs[-1]["State"] == "COMPLETED"
    assert [int(job["TimelimitRaw"]) for job in jobs] == [*range(1, len(jobs) + 1)]
    (log,) = tiny.folder.glob(LOGS)
    # The log is that of the last attempt.
    (line,) = [line for line in log.read_text().splitlines() if "going on after epoch" in line]
    what = f"TIMEOUT; {line.split(': ')[-1]}"
    table("time exceeded", what, len(jobs) - 1, results_of(tiny) == expected)
    assert results_of(tiny) == expected


def epochs_of(seconds: float, site, undisturbed) -> int:
    """How many epochs of the small VAE take this long here and now."""
    begun = time.monotonic()
    undisturbed(study_of({"net": vae(2)}, tuner="none"))
    idle = time.monotonic() - begun
    begun = time.monotonic()
    undisturbed(study_of({"net": vae(3000)}, tuner="none"))
    return int(seconds / ((time.monotonic() - begun - idle) / 3000))


def test_a_job_cancelled_from_outside_is_submitted_again(search, expected, table):
    driver = search.submit("tune")
    training(search)
    (job,) = searches(search)
    search.slurm.run("scancel", job["JobID"])
    assert search.wait(driver) == "COMPLETED", search.log(driver)[-4000:]
    first, again = searches(search)
    assert first["State"].startswith("CANCELLED") and again["State"] == "COMPLETED"
    table("scancel of a job", "submitted again", 1, results_of(search) == expected)
    assert results_of(search) == expected


def test_a_group_that_is_killed_repeats_only_what_was_not_finished(search, expected, table):
    driver = search.submit("tune")
    first_trial(search)
    (job,) = searches(search)
    search.slurm.kill(job["JobID"])
    assert search.wait(driver) == "COMPLETED", search.log(driver)[-4000:]
    killed, again = searches(search)
    assert killed["State"] != "COMPLETED" and again["State"] == "COMPLETED"
    # Snakemake runs all jobs of a group again; the finished one takes over its own result.
    logs = [path.read_text() for path in search.folder.glob(LOGS)]
    assert sorted("taken over" in text for text in logs) == [False, True]
    what = f"{killed['State']}; submitted again, the finished trial was taken over"
    table("group: SIGKILL", what, 1, results_of(search) == expected)
    assert results_of(search) == expected


@pytest.mark.parametrize("how", [(), ("--batch", "--signal=TERM")])
def test_a_driver_that_is_cancelled_cancels_its_jobs(search, expected, table, how):
    driver = search.submit("tune")
    finished = first_trial(search)
    search.slurm.run("scancel", *how, driver)
    assert search.wait(driver).split()[0] in ("CANCELLED", "FAILED")
    wait_for(lambda: not running(search), "the end of the children", 60)
    (job,) = searches(search)
    assert job["State"].startswith("CANCELLED")
    before = finished.stat().st_mtime_ns
    search.finish("tune")
    assert finished.stat().st_mtime_ns == before, "a finished trial was repeated"
    what = "its job was cancelled within 60 s; the next driver went on"
    table(f"scancel {' '.join(how)} of the driver", what, 1, results_of(search) == expected)
    assert results_of(search) == expected


def test_a_driver_that_is_killed_leaves_its_jobs_and_the_next_waits_for_them(
    search, expected, table
):
    driver = search.submit("tune")
    finished = first_trial(search)
    search.slurm.kill(driver)
    search.wait(driver)
    (job,) = searches(search)
    assert job["State"] == "RUNNING"
    before = finished.stat().st_mtime_ns
    next_ones = [search.submit("tune"), search.submit("tune")]
    states = {number: search.wait(number) for number in next_ones}
    assert sorted(states.values()) == ["COMPLETED", "FAILED"], "one goes on, the other is refused"
    logs = {states[number]: search.log(number) for number in next_ones}
    assert "is already the driver" in logs["FAILED"]
    log = logs["COMPLETED"]
    assert f"waiting for jobs that an earlier driver left: {job['JobID']}" in log
    assert "unlocking the folder" in log
    jobs = searches(search)
    assert {job["State"] for job in jobs} == {"COMPLETED"}
    assert all(b["Start"] >= a["End"] for a, b in zip(jobs, jobs[1:], strict=False)), "a race"
    assert finished.stat().st_mtime_ns == before, "a finished trial was repeated"
    what = "its job went on and ended; of two next drivers, one waited for it, one was refused"
    table("driver: SIGKILL", what, len(jobs) - 1, results_of(search) == expected)
    assert results_of(search) == expected


def test_a_snakemake_that_is_killed_leaves_no_locked_folder(search, expected, table):
    driver = search.submit("tune")
    training(search)
    search.slurm.kill(driver, only="snakemake")
    assert search.wait(driver) == "FAILED"
    log = search.finish("tune")
    assert "unlocking the folder" in log
    repeated = len(searches(search)) - 1
    what = "its job went on; the next driver unlocked the folder"
    table("Snakemake alone: SIGKILL", what, repeated, results_of(search) == expected)
    assert results_of(search) == expected


def first_trial(site):
    """Wait until one trial of the search is finished and the next one trains; return the first."""
    result = wait_for(lambda: next(site.folder.glob(TRIALS), None), "the first trial")
    wait_for(lambda: len(list(site.folder.glob(LOGS))) > 1, "the second trial")
    return result


def test_a_second_driver_in_the_same_folder_is_refused(search, expected, table):
    driver = search.submit("tune")
    wait_for(lambda: search.path(".snakemake/driver").exists(), "the first driver")
    second = search.submit("tune")
    assert search.wait(second) == "FAILED"
    assert f"job {driver} is already the driver" in search.log(second)
    assert search.wait(driver) == "COMPLETED"
    same = results_of(search) == expected
    table("a second driver", "refused; the first ended well", len(searches(search)) - 1, same)
    assert same


@pytest.mark.parametrize("moment", ["training", "submission"])
def test_a_controller_that_restarts_is_waited_for(search, expected, table, moment):
    driver = search.submit("tune")
    if moment == "training":
        training(search)
    else:
        log = search.path(f"tybalt-{driver}.log")
        wait_for(lambda: log.exists() and "Building DAG" in log.read_text(), "the driver's plan")
    with search.slurm.without_controller():
        time.sleep(40)
        if moment == "submission":
            assert "has been submitted" not in search.log(driver), "too late to disturb it"
    assert search.wait(driver) == "COMPLETED", search.log(driver)[-4000:]
    repeated = len(searches(search)) - 1
    fault = f"slurmctld away for 40 s, from the {moment} on"
    table(fault, "the driver went on", repeated, results_of(search) == expected)
    assert results_of(search) == expected


def test_a_diverging_trial_is_a_result_and_its_siblings_end(tiny, undisturbed, table):
    models = {"net": vae(800, learning_rate=[0.001, 1e30, 0.002])}
    tiny.configure(study_of(models))
    tiny.finish("tune")
    (job,) = searches(tiny)
    assert job["State"] == "COMPLETED"
    results = bytes_of(tiny, TRIALS)
    assert sorted(b'"diverged"' in text for text in results.values()) == [False, False, True]
    same = results_of(tiny) == undisturbed(study_of(models))
    table("a trial diverges", "status `diverged`; the group ends well", 0, same)
    assert same


def test_a_failing_trial_ends_its_group_and_leaves_what_was_finished(tiny, undisturbed, table):
    # A minibatch larger than the training samples is refused before anything is trained.
    tiny.configure(study_of({"net": vae(300, batch_size=[25, 50, 5000])}))
    driver = tiny.submit("tune", "--retries", "1")
    assert tiny.wait(driver) == "FAILED"
    assert "batch_size: found 5000" in tiny.log(driver)
    kept = {path: path.stat().st_mtime_ns for path in tiny.folder.glob(TRIALS)}
    assert kept
    repaired = study_of({"net": vae(300, batch_size=[25, 50])})
    tiny.configure(repaired)
    tiny.finish("tune")
    assert (
        kept.items() <= {path: path.stat().st_mtime_ns for path in tiny.folder.glob(TRIALS)}.items()
    )
    same = results_of(tiny) == undisturbed(repaired)
    what = f"its group ended, {len(kept)} of 2 siblings were kept; without the bad value, all end"
    table("a trial cannot be trained", what, len(searches(tiny)) - 1, same)
    assert same


def slurm_log(site, job: dict[str, str]) -> str:
    """What a failed SLURM job printed; Snakemake keeps that of failed jobs."""
    (path,) = site.path(".snakemake/slurm_logs").rglob(f"{job['JobID']}.log")
    return path.read_text()
