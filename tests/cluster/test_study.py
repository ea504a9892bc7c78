"""The demo study on a real SLURM, through the profile as it is."""

import re

import pytest

from .conftest import IMPATIENT, ROOT, name_of, study_of, vae, wait_for
from .slurm import gpus

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def study(copy_site):
    """The demo, from the driver's submission to the last figure, and what it planned to ask for."""
    site = copy_site("demo")
    site.plan = site.snakemake("-n").stdout
    site.end = site.finish()
    return site


def asked_for(plan: str) -> dict[str, dict[str, str]]:
    """Read what a job of each rule asks for: resources from a dry run, threads from the rule."""
    texts = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    blocks = re.split(r"^ *(?:use )?rule\b", texts, flags=re.M)
    named = {re.search(r'log_of\("(\w+)"', block): block for block in blocks}
    threads = {
        name[1]: (re.search(r"^ +threads: (\d+)", block, re.M) or [None, "1"])[1]
        for name, block in named.items()
        if name
    }
    assert set(threads.values()) > {"1"}
    rules = {}
    for name, body in re.findall(r"^ *rule (\w+):\n((?: +\w+: .*\n)+)", plan, re.M):
        words = dict(re.findall(r"(\w+)=([^,\n]+)", re.search(r"resources: (.*)", body)[1]))
        logged = re.sub(r"^(simulate_dataset)_\w+", r"\1", name)  # a rule for each kind
        rules[name] = {**words, "threads": threads.get(logged, "1")}
    return rules


def test_every_job_ends_and_every_figure_is_there(study):
    assert {job["State"] for job in study.jobs()} == {"COMPLETED"}
    assert "(100%) done" in study.end
    for name in ("figures/leaderboard.png", "demo-vae/grid/figures/embedding.png"):
        assert study.path(f"results/demo/{name}").stat().st_size > 1000
    wait_for(lambda: not study.slurm.living(), "an empty queue")
    assert "Nothing to be done" in study.snakemake("-n").stdout


def groups_in(plan: str) -> dict[str, list[list[str]]]:
    """Read from a dry run the rules of each SLURM job of a group; one alone is no group there."""
    found: dict[str, list[list[str]]] = {}
    for name, body in re.findall(r"Group job (\S+) .*:\n((?:\s*\n|    .*\n)+)", plan):
        found.setdefault(name, []).append(re.findall(r"^    rule (\w+):", body, re.M))
    return found


def rules_of(job: dict[str, str], plan) -> set[str]:
    """The rules of a job; to SLURM a group is called `{group}_{rules}`."""
    by_length = sorted(plan, key=len, reverse=True)
    return set(re.findall(rf"(?:^|(?<=_))(?:{'|'.join(by_length)})(?=_|$)", name_of(job)))


def asked_together(rules: set[str], count: int, plan) -> tuple[int, str, int]:
    """CPUs, memory and minutes of an allocation for so many jobs of these rules."""
    each = [[int(plan[rule][key]) for key in ("threads", "mem_mb", "runtime")] for rule in rules]
    cpus, memory, minutes = (max(values) for values in zip(*each, strict=True))
    if rules == {"fit_trial"}:  # side by side
        return count * cpus, f"{count * memory}M", minutes
    return cpus, f"{memory}M", count * minutes


def test_accounting_shows_what_each_rule_asked_for(study):
    plan, groups, seen = asked_for(study.plan), groups_in(study.plan), set()
    for job in study.jobs():
        rules = rules_of(job, plan)
        assert rules, job
        seen |= rules
        # Of a search, a dry run tells how many share an allocation; of figures, which ones is
        # settled when they are ready, and one rule may draw several.
        drawing = any(rule.startswith("plot_") for rule in rules)
        search = next((found for name, found in groups.items() if name in name_of(job)), [])
        counts = range(len(rules), 6) if drawing else {1, *map(len, search)}
        got = (int(job["AllocCPUS"]), job["ReqMem"], int(job["TimelimitRaw"]))
        assert got in [asked_together(rules, count, plan) for count in counts], job
        assert gpus(job) == any("gres" in plan[rule] for rule in rules), job
    assert {
        "train_trial",
        "train_model",
        "fit_trial",
        "read_dataset",
        "plot_embedding",
    } <= seen
    figures = [job for job in study.jobs() if "plot_" in name_of(job)]
    assert len(figures) <= 12, "about forty figures, five to a job"


def test_what_trains_is_on_the_gpu_partition_and_nothing_else_is(study):
    plan = asked_for(study.plan)
    for job in study.jobs():
        trains = rules_of(job, plan) <= {"train_trial", "train_model", "train_replicate"}
        assert (job["Partition"] == "gpu") == (gpus(job) == 1) == trains, job
        assert trains or job["Partition"] == "quick", "nothing of the demo takes four hours"


def test_a_search_is_one_job_with_one_gpu_and_the_time_of_all_its_trials(study):
    (job,) = [job for job in study.jobs() if name_of(job).startswith("trials_demo_demo-vae_grid_")]
    assert gpus(job) == 1
    assert job["Timelimit"] == "02:00:00"  # four trials of 30 minutes


def test_four_trainings_hold_four_gpus_and_a_fifth_waits(tiny):
    names = [f"vae{number}" for number in range(5)]
    tiny.configure(study_of({name: vae(200) for name in names}, tuner="none"))
    tiny.hold_trainings()
    driver = tiny.submit("tune")
    tiny.held(4)
    wait_for(lambda: len(tiny.slurm.living("PENDING")) == 1, "the fifth in the queue")
    tiny.release_trainings()
    assert tiny.wait(driver) == "COMPLETED", tiny.log(driver)[-4000:]
    jobs = [job for job in tiny.jobs() if job["Partition"] == "gpu"]
    assert len(jobs) == 5
    begun = sorted(jobs, key=lambda job: job["Start"])
    ends = sorted(job["End"] for job in begun[:4])
    assert begun[3]["Start"] < ends[0], "four run at once"
    assert begun[4]["Submit"] < ends[0] <= begun[4]["Start"], "the fifth waits for a GPU"


def test_a_granted_gpu_that_the_framework_does_not_see_fails_the_job(tiny):
    tiny.env["TYBALT_GPU_CHECK"] = "on"
    tiny.configure(study_of({"net": vae(3)}, tuner="none"))
    done = tiny.snakemake(*IMPATIENT, "--retries", "0", "--", "tune", check=False)
    assert done.returncode != 0
    (log,) = tiny.folder.glob("results/logs/train_trial/**/*.log")
    assert "this job was granted a GPU" in log.read_text()
    assert "no NVIDIA driver" in log.read_text()
