"""A test that leaves the SLURM broken fails alone: it is mended before the next one begins."""

import pytest

from .conftest import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.faults]


def submit(slurm, *command: str) -> str:
    """Submit a job, of which no log is kept; return its number."""
    wrapped = ["--output=/dev/null", "--mem=10", f"--wrap={' '.join(command)}"]
    return slurm.run("sbatch", "--parsable", *wrapped).strip()


@pytest.mark.parametrize("name", ["munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd"])
def test_a_daemon_that_died_is_started_again(slurm, name):
    slurm.daemons[name].kill()
    slurm.daemons[name].wait()
    assert slurm.mend() == [f"{name} was away"]
    assert slurm.mend() == []
    job = submit(slurm, "true")
    wait_for(lambda: (job, "COMPLETED") in ends(slurm), "the end of a job")


def ends(slurm) -> list[tuple[str, str]]:
    return [(job["JobID"], job["State"]) for job in slurm.accounted()]


def test_jobs_that_were_left_are_cancelled_and_a_drained_node_comes_back(slurm):
    jobs = [submit(slurm, "sleep", "1000"), submit(slurm, "sleep", "1000")]
    wait_for(lambda: sorted(slurm.living("RUNNING")) == sorted(jobs), "two jobs that run")
    slurm.run("scontrol", "update", "nodename=node1", "state=drain", "reason=test")
    jobs.append(submit(slurm, "sleep", "1000"))
    expected = [*(f"job {number} was left" for number in jobs), "the node was drained"]
    assert sorted(slurm.mend()) == sorted(expected)
    assert slurm.mend() == []


def test_a_controller_comes_back_when_a_test_fails_without_it(slurm):
    with pytest.raises(ZeroDivisionError), slurm.without_controller():
        raise ZeroDivisionError
    assert slurm.mend() == []
