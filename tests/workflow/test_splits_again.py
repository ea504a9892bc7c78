"""Repeats of the split, planned and run: what exists stays, and what is alike is made once."""

import copy
import re

import pandas as pd
import pytest
from conftest import TINY

from tybalt.jobs.files import read_table

REPEATS = ["tiny", "tiny-repeat-2", "tiny-repeat-3"]


def tiny(repeats=None, tables=(), models=("tiny-vae", "tiny-pca")):
    overlay = copy.deepcopy(TINY)
    overlay["datasets"]["tiny"]["tables"] = list(tables)
    overlay["experiments"][0]["models"] = list(models)
    if repeats is not None:
        overlay["datasets"]["tiny"]["split"]["repeats"] = repeats
    return overlay


#: Rules that run once, however often the samples are split.
ONCE = ["simulate_dataset_simulated", "tabulate_clinical", "tabulate_mutations"]
ONCE += ["call_copy_number", "combine_status"]


def test_everything_is_planned_for_each_repeat_but_what_they_share(workflow):
    tables = ["clinical", "mutations", "copy_number", "status"]
    workflow.configure(tiny(None, tables))
    before = workflow.planned()
    workflow.configure(tiny(1, tables))
    assert workflow.planned() == before
    workflow.configure(tiny(3, tables))
    after = workflow.planned()
    for name, count in before.items():
        if name not in ("all", "total"):
            assert after[name] == count * (1 if name in ONCE else 3), name
    assert set(ONCE) <= set(before)
    assert set(after) - set(before) == {"compare_repeats"}
    assert after["compare_repeats"] == 1


def datasets_of_jobs(text: str) -> dict[str, set[str]]:
    """Read the rules and datasets of the jobs that a dry run lists."""
    found: dict[str, set[str]] = {}
    for job in re.findall(r"^ *(?:local)?rule (\w+):\n((?: +\w+: .*\n)+)", text, re.MULTILINE):
        for dataset in re.findall(r"dataset=([\w-]+)", job[1]):
            found.setdefault(dataset, set()).add(job[0])
    return found


def test_what_the_split_can_test_is_said_before_anything_is_trained(workflow):
    counts = workflow.planned("preprocess")
    assert counts["count_testable"] == counts["describe_columns"] == 1
    assert not [name for name in counts if name.startswith(("train", "fit"))]


@pytest.mark.slow
def test_more_repeats_add_results_and_leave_those_that_exist(workflow):
    target = "results/tiny/{}".format
    workflow.configure(tiny(models=["tiny-pca"]))
    first = [target(name) for name in ("leaderboard.tsv", "tiny-pca/none/findings.tsv")]
    workflow.snakemake("--", *first, target("testable.tsv"))
    files = [path for path in workflow.path("results/tiny").rglob("*") if path.is_file()]
    assert len(files) > 10
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    workflow.configure(tiny(2, models=["tiny-pca"]))
    targets = [*first, target("testable.tsv"), target("repeats.tsv")]
    planned = datasets_of_jobs(workflow.snakemake("-n", "--", *targets).stdout)
    # The latter says no longer that repeats are recommended.
    assert planned["tiny"] == {"compare_repeats", "count_testable"}
    assert {"read_dataset", "fit_trial", "fit_model"} <= planned["tiny-repeat-2"]
    assert not {"simulate_dataset_simulated"} & planned["tiny-repeat-2"]

    workflow.snakemake("--", target("repeats.tsv"), target("tiny-pca/none/planted_factors.tsv"),
                       "results/tiny-repeat-2/tiny-pca/none/planted_factors.tsv")  # fmt: skip
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files} == before
    assert not workflow.path("results/tiny-repeat-2/raw").exists()

    samples = [
        read_table(workflow.path(f"results/{name}/samples.tsv"), index="sample")
        for name in REPEATS[:2]
    ]
    assert not samples[0]["split"].equals(samples[1]["split"])
    pd.testing.assert_frame_equal(*(table.drop(columns="split") for table in samples))

    compared = read_table(workflow.path(target("repeats.tsv")))
    for number, name in enumerate(REPEATS[:2], start=1):
        board = read_table(workflow.path(f"results/{name}/leaderboard.tsv"))
        mine = compared[(compared["name"] == "mse") & (compared["model"] == "tiny-pca")]
        assert list(mine[f"repeat_{number}"]) == list(board["mse"][board["model"] == "tiny-pca"])
    assert mine["repeat_1"].iloc[0] != mine["repeat_2"].iloc[0]
