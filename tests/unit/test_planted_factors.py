"""Grading codes against planted factors: expected values by construction."""

import anndata
import numpy as np
import pandas as pd
import pytest

from tybalt.analysis import planted_factors as recovery
from tybalt.jobs.files import read_table, write_table

SAMPLES = [f"s{i:03d}" for i in range(600)]


@pytest.fixture
def world(tmp_path):
    """A cohort with a binary, a continuous, a constant and a circular factor, and its split."""
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, 2 * np.pi, 600)
    factors = np.column_stack(
        [rng.integers(0, 2, 600), rng.normal(size=600), np.zeros(600), np.cos(phase), np.sin(phase)]
    )
    made = anndata.AnnData(obs=pd.DataFrame({"phase": phase}, SAMPLES))
    made.obsm["factors"] = factors
    made.uns["factors"] = np.array(
        ["y_chromosome", "state:1", "type:ACC", "phase_cos1", "phase_sin1"]
    )
    path = str(tmp_path / "planted_factors.h5ad")
    made.write_h5ad(path)
    return path, factors, phase


def split():
    return np.arange(600) % 3 != 0, np.arange(600) % 3 == 0


def test_the_angle_stands_as_cosine_and_sine(world):
    path, factors, phase = world
    table = recovery.read_factors(path)
    assert list(table) == ["y_chromosome", "state:1", "type:ACC", "phase:cos", "phase:sin"]
    assert table["phase:sin"].to_numpy() == pytest.approx(np.sin(phase))


def test_a_code_that_holds_the_factors_explains_all_and_noise_nothing(world):
    path, factors, _ = world
    rng = np.random.default_rng(1)
    turned = factors[:, [0, 1, 3, 4]] @ rng.normal(size=(4, 4))
    planted = recovery.read_factors(path)
    names = ["z1", "z2", "z3", "z4"]
    good = recovery.explain_factors(pd.DataFrame(turned, SAMPLES, names), planted, *split())
    noise = pd.DataFrame(rng.normal(size=(600, 4)), SAMPLES, names)
    bad = recovery.explain_factors(noise, planted, *split())
    assert np.isnan(good["r2_linear"][2])  # a factor that does not vary
    good, bad = good.drop(2), bad.drop(2)
    assert good["r2_linear"].min() > 0.999
    assert good["auroc"].iloc[0] == 1
    assert bad["r2_linear"].max() < 0.05
    assert bad["auroc"].iloc[0] == pytest.approx(0.5, abs=0.1)


def test_neighbours_find_what_no_line_can(world):
    """The code holds the angle itself: cos(angle) has no linear trend over a full turn."""
    path, _, phase = world
    angle = pd.DataFrame({"z1": phase}, SAMPLES)
    grades = recovery.explain_factors(angle, recovery.read_factors(path), *split()).set_index(
        "factor"
    )
    assert grades["r2_neighbours"]["phase:cos"] > 0.95
    assert grades["r2_linear"]["phase:cos"] < 0.1


def test_the_feature_is_chosen_in_training_and_judged_elsewhere(world):
    path, factors, _ = world
    train, judged = split()
    rng = np.random.default_rng(2)
    deceptive = np.where(train, factors[:, 1], rng.normal(size=600))
    honest = factors[:, 1] + rng.normal(size=600)
    codes = pd.DataFrame({"z1": deceptive, "z2": honest}, SAMPLES)
    grades = recovery.explain_factors(codes, recovery.read_factors(path), train, judged).set_index(
        "factor"
    )
    assert grades["feature"]["state:1"] == "z1"
    assert grades["r2_feature"]["state:1"] < 0.1


def test_groups_are_averaged_over_factors_that_vary(tmp_path, world):
    path, factors, _ = world
    codes = pd.DataFrame(factors[:, :2], SAMPLES, ["z1", "z2"])
    paths = [str(tmp_path / "a.tsv"), str(tmp_path / "b.tsv")]
    for path_of_grades in paths:
        write_table(
            recovery.explain_factors(codes, recovery.read_factors(path), *split()), path_of_grades
        )
    output = str(tmp_path / "planted_factors.tsv")
    recovery.compare_planted_factors(paths, [["vae", "grid"], ["pca", "none"]], output)
    table = read_table(output)
    assert table["model"].tolist() == ["vae"] * 3 + ["pca"] * 3
    assert table["group"].tolist()[:3] == ["y_chromosome", "state", "phase"]
    assert table["factors"].tolist()[:3] == [1, 1, 2]
    assert table["r2_linear"][0] == pytest.approx(1, abs=1e-3)
