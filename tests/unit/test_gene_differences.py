"""Weights held against expression: by scikit-learn, with planted genes of either kind."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tybalt.analysis.contrasts import Contrast
from tybalt.analysis.gene_differences import add_differences, by_samples, choose_genes
from tybalt.data.samples import Samples

N = 300
GENES = ["UP", "DOWN", "NOISE", "TURNS"]


@pytest.fixture
def planted():
    """UP is higher in men, DOWN lower; TURNS is higher in men of the training part only."""
    rng = np.random.default_rng(0)
    male, train = rng.random(N) < 0.5, np.arange(N) < 200
    values = rng.normal(size=(N, 4))
    values[:, 0] += 2 * male
    values[:, 1] -= 2 * male
    values[:, 3] += np.where(train, 2, -2) * male
    table = pd.DataFrame(
        {"patient": [f"p{i}" for i in range(N)], "split": np.where(train, "train", "test")},
        index=pd.Index([f"s{i}" for i in range(N)], name="sample"),
    )
    samples = Samples(table, {"group": "patient"})
    contrast = Contrast(
        "sex", "male against female", "auroc", male.astype(float), np.full(N, "all", object)
    )
    return values, contrast, samples


def chosen(effect_train=0.9, side="positive"):
    """All genes have a weight on one side of z1, the best feature of sex."""
    best = {"contrast": "sex", "feature": "z1", "measure": "auroc", "evaluated_on": "test"}
    best = pd.DataFrame([best | {"rank": 1, "effect_train": effect_train}])
    genes = pd.DataFrame({"gene": GENES, "rank": range(1, 5), "deviations": [6.0, 5, 4, 3]})
    return choose_genes(best, genes.assign(feature="z1", side=side))


def test_a_gene_agrees_only_if_its_expression_differs_as_its_weight_says(planted):
    values, contrast, samples = planted
    table = add_differences(chosen(), GENES, values, None, [contrast], samples).set_index("gene")
    assert table["direction"].unique().tolist() == ["higher"]
    assert table["agrees"].to_dict() == {"UP": "yes", "DOWN": "no", "NOISE": "no", "TURNS": "no"}
    train = samples.is_train
    for part, rows in (("effect_train", train), ("effect_test", ~train)):
        expected = [roc_auc_score(contrast.values[rows], column[rows]) for column in values.T]
        assert table.loc[GENES, part].tolist() == pytest.approx(expected)
    assert table.loc["TURNS", "q_train"] < 0.05  # significant, and turned around on test samples


@pytest.mark.parametrize(
    ("effect", "side", "direction"),
    [
        (0.9, "positive", "higher"), (0.9, "negative", "lower"),
        (0.1, "positive", "lower"), (0.1, "negative", "higher"),
    ],
)  # fmt: skip
def test_the_direction_follows_from_the_weight_and_the_feature(planted, effect, side, direction):
    table = chosen(effect, side)
    assert table["direction"].unique().tolist() == [direction]
    values, contrast, samples = planted
    table = add_differences(table, GENES, values, None, [contrast], samples).set_index("gene")
    agreeing = "UP" if direction == "higher" else "DOWN"
    assert table.index[table["agrees"] == "yes"].tolist() == [agreeing]


def test_what_was_not_measured_does_not_count(planted):
    """Filled-in values of women would make UP differ the other way."""
    values, contrast, samples = planted
    observed = np.ones(values.shape, bool)
    observed[::3, 0] = False
    spoilt = np.where(observed, values, np.where(contrast.values[:, None] == 1, -50, 50))
    table = add_differences(chosen(), GENES, spoilt, observed, [contrast], samples)
    up = table.set_index("gene").loc["UP"]
    rows = samples.is_train & observed[:, 0]
    assert up["effect_train"] == pytest.approx(
        roc_auc_score(contrast.values[rows], values[rows, 0])
    )
    assert up["agrees"] == "yes"
    patterns = by_samples(observed, values.shape)
    assert sorted(len(members) for members, _ in patterns) == [1, 3]


def test_a_contrast_that_nobody_answers_and_a_constant_gene_agree_with_nothing(planted):
    values, contrast, samples = planted
    nobody = Contrast("sex", "", "auroc", np.full(N, np.nan), contrast.stratum)
    table = add_differences(chosen(), GENES, values, None, [nobody], samples)
    assert table["effect_train"].isna().all() and (table["agrees"] == "no").all()
    table = add_differences(chosen(), GENES, values * 0, None, [contrast], samples)
    assert (table["effect_train"] == 0.5).all() and (table["agrees"] == "no").all()


def test_no_genes_give_an_empty_table(planted):
    values, contrast, samples = planted
    empty = add_differences(chosen().head(0), [], values[:, :0], None, [contrast], samples)
    assert empty.empty and "agrees" in empty
