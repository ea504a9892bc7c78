"""A whole small study, and what a second run does or does not do."""

import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, Workflow

from tybalt.data.matrix import read_obs, read_values
from tybalt.jobs.files import read_json, read_table

pytestmark = pytest.mark.slow

VAE, PCA = "results/tiny/tiny-vae/grid", "results/tiny/tiny-pca/none"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rerun_counts(workflow, overlay="config/tiny.yaml") -> dict[str, int]:
    """Jobs that a run would do now, without the target rules."""
    counts = workflow.planned(overlay=overlay)
    return {name: count for name, count in counts.items() if name not in ("all", "total")}


def test_the_study_ends_with_every_file_in_place(finished):
    for experiment in (VAE, PCA):
        for name in ("best.json", "trials.tsv", "model.zip", "history.tsv", "embedding.tsv"):
            assert finished.path(f"{experiment}/{name}").stat().st_size > 0
        for name in ("embedding", "history", "encoding", "reconstruction", "contrast_sex"):
            for suffix in ("png", "pdf"):
                assert finished.path(f"{experiment}/figures/{name}.{suffix}").stat().st_size > 1000
    assert not list(finished.path("results").rglob(".*")), "a staged file was left behind"


def test_nothing_is_to_be_done_afterwards(finished):
    assert "Nothing to be done" in finished.snakemake().stdout


def test_the_report_is_made_of_every_figure_with_its_caption(finished):
    finished.snakemake("--report", "report.html")
    text = finished.path("report.html").read_text(encoding="utf-8")
    for figure in finished.path("results").rglob("figures/*.png"):
        assert figure.relative_to(finished.folder).as_posix() in text


def test_the_final_model_repeats_its_trial(finished):
    best = read_json(finished.path(f"{VAE}/best.json"))
    trial = read_json(finished.path(f"{VAE}/trials/r0/{best['trial']}/e0.json"))
    history = read_table(finished.path(f"{VAE}/history.tsv"))
    history = history[history["epoch"] > 0]  # epoch 0 is the model at its start
    for column, values in trial["history"].items():
        assert history[column].tolist() == values, column


def test_the_winner_is_the_first_row_of_the_ranking(finished):
    ranking = read_table(finished.path(f"{VAE}/trials.tsv"))
    best = read_json(finished.path(f"{VAE}/best.json"))
    assert len(ranking) == 2
    assert ranking["trial"][0] == best["trial"]
    assert ranking["mean"].is_monotonic_increasing


def test_codes_cover_all_samples_in_the_order_of_the_matrix(finished):
    obs = read_obs(finished.path("results/tiny/matrix.h5ad"))
    for experiment in (VAE, PCA):
        encoding = read_table(finished.path(f"{experiment}/encoding.tsv.gz"))
        assert encoding["sample"].tolist() == obs.index.tolist()
        assert encoding.shape[1] == 1 + 5
        assert np.isfinite(encoding.iloc[:, 1:].to_numpy()).all()


def test_a_patient_is_in_one_part_only(finished):
    obs = read_obs(finished.path("results/tiny/matrix.h5ad"))
    assert (obs.groupby("patient", observed=True)["split"].nunique() == 1).all()
    assert obs["patient"].duplicated().any(), "the cohort should have matched normals"


def test_values_lie_in_zero_one(finished):
    X = read_values(finished.path("results/tiny/matrix.h5ad"))
    assert X.dtype == np.float32
    assert (X.min(), X.max()) == (0.0, 1.0)


def test_encoding_again_gives_the_same_bytes(finished):
    names = [f"{experiment}/encoding.tsv.gz" for experiment in (VAE, PCA)]
    before = [digest(finished.path(name)) for name in names]
    finished.snakemake("--forcerun", "encode_samples", "--", "encode")
    assert [digest(finished.path(name)) for name in names] == before


def test_a_new_grid_value_runs_exactly_the_new_trial(finished):
    models = {**TINY["models"]}
    models["tiny-vae"] = {**models["tiny-vae"], "space": {"learning_rate": [0.001, 0.002, 0.003]}}
    finished.configure({**TINY, "models": models}, "wider.yaml")
    counts = rerun_counts(finished, "config/wider.yaml")
    assert counts["train_trial"] == 1
    assert counts["rank_trials"] == 1
    assert "read_dataset" not in counts


def test_a_change_of_contrasts_trains_nothing_again_and_is_said(finished):
    """Trials recorded the contrast as it was; the comparison says that it is not recorded now."""
    recorded = read_table(finished.path(f"{VAE}/trial_readouts.tsv"))
    assert set(recorded["contrast"]) == {"sex", "melanoma"}
    assert recorded.loc[recorded["contrast"] == "sex", "within"].tolist() == ["cancer_type"] * 2
    tiny = TINY["datasets"]["tiny"]
    changed = {**tiny, "contrasts": {"sex": {"covariate": "sex", "positive": ["female"]}}}
    finished.configure({**TINY, "datasets": {"tiny": changed}}, "asked.yaml")
    counts = rerun_counts(finished, "config/asked.yaml")
    trainings = {"train_trial", "fit_trial", "train_model", "fit_model", "rank_trials"}
    assert not trainings & set(counts)
    assert counts["compare_readouts"] == 1 and counts["measure_readouts"] == 2


def test_an_edited_model_reruns_its_own_jobs_and_no_others(finished):
    source = finished.path("workflow/scripts/tybalt/models/vae.py")
    text = source.read_text()
    try:
        source.write_text(text + "\n# edited\n")
        done = finished.snakemake("-n")
        counts = rerun_counts(finished)
    finally:
        source.write_text(text)
    assert counts["train_trial"] == 2
    assert counts["train_model"] == counts["encode_samples"] == 1
    assert "model=tiny-pca" not in done.stdout
    assert not {"read_dataset", "simulate_dataset_simulated", "embed_genes"} & set(counts)


def test_a_run_killed_in_a_trial_is_finished_by_the_next(workflow, finished):
    for name in ("raw", "matrix.h5ad", "matrix.provenance.json"):
        source, target = (
            finished.path(f"results/tiny/{name}"),
            workflow.path(f"results/tiny/{name}"),
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", source, target], check=True)
    slow = {**TINY["models"]["tiny-vae"], "fixed": {"latent_dim": 5, "epochs": 3000}}
    workflow.configure({**TINY, "models": {**TINY["models"], "tiny-vae": slow}})
    running = workflow.start("--", "tune")
    wait_for_epoch(workflow.path("results/logs/train_trial/tiny/tiny-vae"))
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not [path for path in workflow.path(VAE).rglob("*.json") if path.is_file()]
    workflow.configure(TINY)
    workflow.snakemake("--unlock")
    done = workflow.snakemake("--rerun-incomplete", "--", "tune")
    assert "simulate_dataset" not in done.stdout
    assert digest(workflow.path(f"{VAE}/best.json")) == digest(finished.path(f"{VAE}/best.json"))


def test_a_damaged_model_is_trained_again_when_that_is_asked(finished, tmp_path):
    subprocess.run(["cp", "-a", f"{finished.folder}/.", tmp_path], check=True)
    workflow = Workflow(tmp_path)
    model = workflow.path(f"{VAE}/model.zip")
    before = digest(model)
    with model.open("r+b") as file:  # in place: a linked copy would be damaged too
        file.seek(5000)
        file.write(b"xxxx")
    workflow.snakemake("--forcerun", "train_model", "--", str(model.relative_to(tmp_path)))
    assert digest(model) == before
    assert not list(tmp_path.rglob("done-*")), "no later job had to read it"


def wait_for_epoch(folder: Path, seconds: float = 120) -> None:
    """Wait until some training has logged an epoch."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if any("epoch 1:" in path.read_text() for path in folder.rglob("*.log")):
            return
        time.sleep(0.2)
    raise AssertionError("no training began")
