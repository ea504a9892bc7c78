"""What goes wrong on a cluster, done to a study on purpose: it ends, and ends as if undisturbed."""

import pytest

from .conftest import PARTS, bytes_of, name_of, study_of, vae, wait_for
from .slurm import gpus

pytestmark = [pytest.mark.cluster, pytest.mark.faults]

#: One search, one group: two trainings, one after another in one SLURM job.
SEARCH = study_of({"net": vae(200, learning_rate=[0.001, 0.002])})
GROUP = "trials_tiny_net_grid_r0_train_trial"
TRIALS = "results/tiny/*/*/trials/r0/*/e0.json"
RANKING = "results/tiny/*/*/trials.tsv"
LOGS = "results/logs/train_trial/**/*.log"

#: In the rule `train_trial`: the order in which the trainings of a group run.
PRIORITY = """priority:
        lambda wildcards: {25: 2, 5000: 1, 50: 0}[
            experiment_of(wildcards).trial(wildcards.round, wildcards.trial)
            .hyperparameters["batch_size"]
        ]
    group:
        "trials_"""


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


def searches(site) -> list[dict[str, str]]:
    """The SLURM jobs of the search, oldest first; accounting has no comment of a running job."""
    jobs = [job for job in site.jobs() if job["Partition"] == "gpu"]
    assert all(name_of(job) in (GROUP, "") for job in jobs)
    return jobs


def ended(site) -> list[dict[str, str]]:
    """Jobs of the search that are over, whatever their end."""
    going = ("PENDING", "RUNNING", "COMPLETING")
    return [job for job in searches(site) if job["State"] not in going]


def running(site) -> list[dict[str, str]]:
    """Jobs of a copy that wait or run."""
    return [job for job in site.jobs() if job["State"] in ("PENDING", "RUNNING")]


def test_a_trial_that_exceeds_its_memory_is_killed_and_gets_more(search, expected, table):
    search.ask_for("train_trial", mem_mb="400 * 9 ** (attempt - 1)")
    search.hold_trainings()  # SLURM looks at a job's memory every two seconds
    driver = search.submit("tune")
    wait_for(lambda: ended(search), "the end of a job that has too little memory")
    search.release_trainings()
    assert search.wait(driver) == "COMPLETED", search.log(driver)[-4000:]
    killed, again = searches(search)
    assert killed["ReqMem"] == "400M" and killed["State"] == "FAILED", killed
    assert "exceeded memory limit" in slurm_log(search, killed)
    assert again["ReqMem"] == "3600M" and again["State"] == "COMPLETED", again
    table(
        "memory exceeded", "killed by SLURM; retry asked for 9 x", 1, results_of(search) == expected
    )
    assert results_of(search) == expected


def test_a_trial_that_exceeds_its_time_goes_on_from_its_checkpoint(tiny, undisturbed, table):
    study = study_of({"net": vae(200)}, tuner="none")
    tiny.configure(study)
    tiny.ask_for("train_trial", runtime="1 * attempt")
    # So short a training writes no checkpoint otherwise.
    tiny.edit("workflow/scripts/tybalt/jobs/checkpoint.py", "SECONDS = 20.0", "SECONDS = 0.0")
    tiny.hold_trainings()
    driver = tiny.submit("tune", "--retries", "5")
    (held,) = tiny.held()
    assert tiny.wait(held) == "TIMEOUT"
    tiny.release_trainings()
    assert tiny.wait(driver) == "COMPLETED", tiny.log(driver)[-4000:]
    jobs = [job for job in tiny.jobs() if gpus(job)]
    assert [job["State"] for job in jobs[:-1]] == ["TIMEOUT"] * (len(jobs) - 1) and len(jobs) > 1
    assert jobs[-1]["State"] == "COMPLETED"
    assert [int(job["TimelimitRaw"]) for job in jobs] == [*range(1, len(jobs) + 1)]
    (log,) = tiny.folder.glob(LOGS)
    # The log is that of the last attempt. The epoch that was held had no checkpoint yet.
    assert "going on after epoch 90" in log.read_text()
    same = results_of(tiny) == undisturbed(study)
    table("time exceeded", "TIMEOUT; going on after epoch 90", len(jobs) - 1, same)
    assert same


def test_a_job_cancelled_from_outside_is_submitted_again(search, expected, table):
    search.hold_trainings()
    driver = search.submit("tune")
    (held,) = search.held()
    search.slurm.run("scancel", held)
    assert search.wait(held).startswith("CANCELLED")
    search.release_trainings()
    assert search.wait(driver) == "COMPLETED", search.log(driver)[-4000:]
    _, again = searches(search)
    assert again["State"] == "COMPLETED"
    table("scancel of a job", "submitted again", 1, results_of(search) == expected)
    assert results_of(search) == expected


def test_a_group_that_is_killed_repeats_only_what_was_not_finished(search, expected, table):
    driver, held, _ = submit_until_the_second_trial(search)
    search.slurm.kill(held)
    search.release_trainings()
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
    driver, _, finished = submit_until_the_second_trial(search)
    search.slurm.run("scancel", *how, driver)
    assert search.wait(driver).split()[0] in ("CANCELLED", "FAILED")
    wait_for(lambda: not running(search), "the end of the children")
    search.release_trainings()
    (job,) = searches(search)
    assert job["State"].startswith("CANCELLED")
    before = finished.stat().st_mtime_ns
    search.finish("tune")
    assert finished.stat().st_mtime_ns == before, "a finished trial was repeated"
    what = "its job was cancelled; the next driver went on"
    table(f"scancel {' '.join(how)} of the driver", what, 1, results_of(search) == expected)
    assert results_of(search) == expected


def test_a_driver_that_is_killed_leaves_its_jobs_and_the_next_waits_for_them(
    search, expected, table
):
    driver, held, finished = submit_until_the_second_trial(search)
    search.slurm.kill(driver)
    search.wait(driver)
    assert search.state(held) == "RUNNING"
    before = finished.stat().st_mtime_ns
    waiting = f"waiting for jobs that an earlier driver left: {held}"
    next_ones = [search.submit("tune"), search.submit("tune")]
    wait_for(lambda: any(waiting in search.log(number) for number in next_ones), waiting)
    wait_for(lambda: "FAILED" in map(search.state, next_ones), "the refusal of the other one")
    search.release_trainings()
    states = {number: search.wait(number) for number in next_ones}
    assert sorted(states.values()) == ["COMPLETED", "FAILED"], "one goes on, the other is refused"
    logs = {states[number]: search.log(number) for number in next_ones}
    assert "is already the driver" in logs["FAILED"]
    log = logs["COMPLETED"]
    assert waiting in log
    assert "unlocking the folder" in log
    jobs = searches(search)
    assert {job["State"] for job in jobs} == {"COMPLETED"}
    assert all(b["Start"] >= a["End"] for a, b in zip(jobs, jobs[1:], strict=False)), "a race"
    assert finished.stat().st_mtime_ns == before, "a finished trial was repeated"
    what = "its job went on and ended; of two next drivers, one waited for it, one was refused"
    table("driver: SIGKILL", what, len(jobs) - 1, results_of(search) == expected)
    assert results_of(search) == expected


def test_a_snakemake_that_is_killed_leaves_no_locked_folder(search, expected, table):
    search.hold_trainings()
    driver = search.submit("tune")
    (held,) = search.held()
    search.slurm.kill(driver, only="snakemake")
    assert search.wait(driver) == "FAILED"
    following = search.submit("tune")
    waiting = f"waiting for jobs that an earlier driver left: {held}"
    wait_for(lambda: waiting in search.log(following), waiting)
    search.release_trainings()
    assert search.wait(following) == "COMPLETED", search.log(following)[-4000:]
    assert "unlocking the folder" in search.log(following)
    repeated = len(searches(search)) - 1
    what = "its job went on; the next driver unlocked the folder"
    table("Snakemake alone: SIGKILL", what, repeated, results_of(search) == expected)
    assert results_of(search) == expected


def submit_until_the_second_trial(site):
    """Submit the driver of the search; once one trial has ended and the other is held, return its
    number, that of their job, and the result of the first.
    """
    site.hold_trainings(finished=1)
    driver = site.submit("tune")
    (held,) = site.held()
    (finished,) = site.folder.glob(TRIALS)
    return driver, held, finished


def test_a_second_driver_in_the_same_folder_is_refused(search, expected, table):
    search.hold_trainings()
    driver = search.submit("tune")
    search.held()
    second = search.submit("tune")
    assert search.wait(second) == "FAILED"
    search.release_trainings()
    assert f"job {driver} is already the driver" in search.log(second)
    assert search.wait(driver) == "COMPLETED"
    same = results_of(search) == expected
    table("a second driver", "refused; the first ended well", len(searches(search)) - 1, same)
    assert same


def test_a_controller_that_is_away_during_a_training_is_not_missed(search, expected, table):
    search.stand_in("sacct")
    search.hold_trainings()
    driver = search.submit("tune")
    search.held()
    search.hold("sacct")
    wait_for(search.path("held/sacct").exists, "the driver's next question")
    with search.slurm.without_controller():
        asked = len(search.calls("sacct"))
        search.release("sacct")
        wait_for(lambda: len(search.calls("sacct")) > asked, "its answer")
    search.release_trainings()
    tabulate_restart(search, driver, expected, table, "during a training")


def test_a_controller_that_is_away_when_a_job_ends_is_waited_for(search, expected, table):
    driver, held, _ = submit_until_the_second_trial(search)
    end_without_controller(search, held)
    tabulate_restart(search, driver, expected, table, "when a job ends")
    assert [job["State"] for job in searches(search)] == ["COMPLETED"]


def test_a_group_that_cannot_begin_its_next_trial_is_submitted_again(search, expected, table):
    search.hold_trainings()
    driver = search.submit("tune")
    (held,) = search.held()
    end_without_controller(search, held)  # which srun asks before each trial
    tabulate_restart(search, driver, expected, table, "between two trials")
    assert [job["State"] for job in searches(search)] == ["FAILED", "COMPLETED"]
    logs = [path.read_text() for path in search.folder.glob(LOGS)]
    assert sorted("taken over" in text for text in logs) == [False, True]


def end_without_controller(site, job: str) -> None:
    """Let a held job go on and end while nobody can be told of it."""
    with site.slurm.without_controller():
        site.release_trainings()
        wait_for(lambda: not site.slurm.processes_of(job), "the end of the job's processes")


def test_a_controller_that_is_away_at_a_submission_is_waited_for(search, expected, table):
    search.stand_in("sbatch")
    search.hold("sbatch")
    driver = search.submit("tune")
    wait_for(search.path("held/sbatch").exists, "the driver's first submission")
    with search.slurm.without_controller():
        search.release("sbatch")
        wait_for(lambda: len(search.calls("sbatch")) > 1, "the second try")
        assert "0" not in search.calls("sbatch"), "submitted to nobody"
    tabulate_restart(search, driver, expected, table, "at a submission")
    assert search.calls("sbatch")[-1] == "0"


def tabulate_restart(search, driver, expected, table, when: str) -> None:
    """Wait for the driver, whose controller was away and is back, and compare its results."""
    assert search.wait(driver) == "COMPLETED", search.log(driver)[-4000:]
    same = results_of(search) == expected
    repeated = len(searches(search)) - 1
    table(f"slurmctld away {when}", "the driver went on", repeated, same)
    assert same


def test_a_diverging_trial_is_a_result_and_its_siblings_end(tiny, undisturbed, table):
    models = {"net": vae(200, learning_rate=[0.001, 1e30, 0.002])}
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
    tiny.configure(study_of({"net": vae(200, batch_size=[25, 50, 5000])}))
    # In a group, Snakemake begins with any; here, the bad one is the second.
    tiny.edit("workflow/rules/tuning.smk", 'group:\n        "trials_', PRIORITY)
    driver = tiny.submit("tune", "--retries", "1")
    assert tiny.wait(driver) == "FAILED"
    assert "batch_size: found 5000" in tiny.log(driver)
    kept = {path: path.stat().st_mtime_ns for path in tiny.folder.glob(TRIALS)}
    assert len(kept) == 1
    repaired = study_of({"net": vae(200, batch_size=[25, 50])})
    tiny.configure(repaired)
    tiny.finish("tune")
    assert (
        kept.items() <= {path: path.stat().st_mtime_ns for path in tiny.folder.glob(TRIALS)}.items()
    )
    same = results_of(tiny) == undisturbed(repaired)
    what = "its group ended, the finished sibling was kept; without the bad value, all end"
    table("a trial cannot be trained", what, len(searches(tiny)) - 1, same)
    assert same


def slurm_log(site, job: dict[str, str]) -> str:
    """What a failed SLURM job printed; Snakemake keeps that of failed jobs."""
    (path,) = site.path(".snakemake/slurm_logs").rglob(f"{job['JobID']}.log")
    return path.read_text()
