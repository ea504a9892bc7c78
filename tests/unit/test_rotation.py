"""The rotation of codes: what it finds, that it is only a rotation, and who may be rotated."""

import numpy as np
import pandas as pd
import pytest

from tybalt.analysis.rotation_comparison import compare_rotations
from tybalt.analysis.stability import unrotated
from tybalt.jobs.files import read_table, write_table
from tybalt.plan.errors import InputError
from tybalt.plan.models_and_tuners import choose_rotation
from tybalt.training.bundle import feature_names
from tybalt.training.rotation import POWER, find_rotation, varimax


def criterion(loadings):
    """Kaiser 1958: the sum over features of the variance of the squared loadings."""
    return np.square(loadings).var(axis=0).sum()


def simple_structure(rng, genes=400, features=6):
    """Weights of which each gene has one, and a rotation that hides it."""
    weights = np.zeros((genes, features))
    weights[np.arange(genes), np.arange(genes) % features] = 1 + rng.random(genes)
    hidden, _ = np.linalg.qr(rng.normal(size=(features, features)))
    return weights, hidden


def test_two_factors_are_rotated_by_the_angle_of_kaiser():
    """For two factors the best angle has a closed form (Kaiser 1958, equation 9)."""
    rng = np.random.default_rng(1)
    loadings = rng.normal(size=(30, 2)) * [1.0, 0.6]
    x, y = loadings.T
    u, v = x**2 - y**2, 2 * x * y
    above = 2 * (30 * (u * v).sum() - u.sum() * v.sum())
    below = 30 * (u**2 - v**2).sum() - (u.sum() ** 2 - v.sum() ** 2)
    angle = np.arctan2(above, below) / 4
    turned = loadings @ [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    found = loadings @ varimax(loadings)
    # The same two columns, up to their order and signs.
    agreement = np.abs(np.corrcoef(turned.T, found.T)[:2, 2:])
    np.testing.assert_allclose(np.sort(agreement.max(axis=0)), [1, 1], atol=1e-4)
    assert criterion(found) == pytest.approx(criterion(turned), rel=1e-5)


def test_loadings_are_those_of_scikit_learn_on_irises():
    """Of sklearn.decomposition.FactorAnalysis, whose varimax was written by others."""
    from sklearn.datasets import load_iris
    from sklearn.decomposition import FactorAnalysis

    X = load_iris().data
    plain = FactorAnalysis(3).fit(X).components_.T
    theirs = FactorAnalysis(3, rotation="varimax").fit(X).components_.T
    ours = plain @ varimax(plain)
    assert criterion(ours) >= criterion(theirs) * (1 - 1e-5)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=0.01)


def test_planted_simple_structure_is_recovered():
    rng = np.random.default_rng(0)
    weights, hidden = simple_structure(rng)
    codes = rng.normal(size=(200, 6))
    rotation = find_rotation(codes @ hidden, weights @ hidden)
    found = weights @ hidden @ rotation
    norms = np.linalg.norm(weights, axis=0)[:, None] * np.linalg.norm(found, axis=0)
    cosines = weights.T @ found / norms
    np.testing.assert_allclose(np.sort(np.abs(cosines), axis=0)[-1], 1, atol=0.01)
    assert (np.sort(np.abs(cosines), axis=0)[-2] < 0.05).all()


def test_it_is_a_rotation_that_leaves_reconstruction_and_distances_alone():
    rng = np.random.default_rng(2)
    codes, weights = rng.normal(size=(100, 5)) * [5, 3, 1, 0.5, 0.2], rng.normal(size=(50, 5))
    rotation = find_rotation(codes, weights)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(5), atol=1e-12)
    turned = codes @ rotation
    np.testing.assert_allclose(turned @ (weights @ rotation).T, codes @ weights.T, atol=1e-10)
    distances = [np.linalg.norm(values[:1] - values, axis=1) for values in (codes, turned)]
    np.testing.assert_allclose(*distances, atol=1e-10)


def test_order_and_signs_do_not_depend_on_those_of_the_code():
    rng = np.random.default_rng(3)
    weights, hidden = simple_structure(rng)
    codes, weights = rng.normal(size=(200, 6)) @ hidden, weights @ hidden
    rotation = find_rotation(codes, weights)
    turned, loaded = codes @ rotation, weights @ rotation
    explained = turned.var(axis=0) * np.square(loaded).sum(axis=0)
    assert (np.diff(explained) <= 0).all()
    assert (loaded[np.abs(loaded).argmax(axis=0), np.arange(6)] > 0).all()
    mixed = np.eye(6)[:, [3, 1, 0, 5, 4, 2]] * [1, -1, 1, -1, -1, 1]
    again = find_rotation(codes @ mixed, weights @ mixed)
    np.testing.assert_allclose(codes @ mixed @ again, turned, atol=0.01 * np.abs(turned).max())


def test_features_that_are_not_active_stand_last_as_they_were():
    rng = np.random.default_rng(4)
    codes = rng.normal(size=(500, 5)) * [1, 0.05, 1, 0, 1]
    rotation = find_rotation(codes, rng.normal(size=(40, 5)), least_variance=0.01)
    np.testing.assert_array_equal((codes @ rotation)[:, 3:], codes[:, [1, 3]])
    assert not rotation[[1, 3], :3].any()
    constant = find_rotation(codes, rng.normal(size=(40, 5)))
    np.testing.assert_array_equal((codes @ constant)[:, 4], codes[:, 3])
    assert not constant[3, :4].any()
    np.testing.assert_array_equal(find_rotation(np.zeros((9, 2)), np.ones((4, 2))), np.eye(2))


def test_a_feature_of_small_variance_counts_less_than_one_of_large_variance():
    """As the power of the deviation says: the weights that are made simple are w times sd^power."""
    rng = np.random.default_rng(5)
    codes, weights = rng.normal(size=(300, 3)) * [4, 1, 0.5], rng.normal(size=(80, 3))
    rotation = find_rotation(codes, weights)
    scaled = weights * codes.std(axis=0) ** POWER
    assert criterion(scaled @ rotation) > criterion(scaled)
    assert criterion(scaled @ rotation) == pytest.approx(
        criterion(scaled @ varimax(scaled)), rel=1e-6
    )


def entry(module, **keys):
    return {"module": module, "fixed": {}, "space": {}} | keys


@pytest.mark.parametrize(
    "module, fixed",
    [("pca", {}), ("vae", {"depth": 1}), ("adage", {}), ("linear_autoencoder", {})],
)
def test_codes_without_an_axis_of_their_own_are_rotated(module, fixed):
    assert choose_rotation(entry(module, fixed=fixed), "models.m") == "varimax"
    assert choose_rotation(entry(module, fixed=fixed, rotation="none"), "models.m") == "none"


@pytest.mark.parametrize(
    "module, keys, why",
    [
        ("nmf", {}, "none of them negative"),
        ("circular", {}, "cosines and sines"),
        ("sparse_autoencoder", {}, "0 in most samples"),
        ("gene_set_autoencoder", {}, "gene sets"),
        ("contractive_autoencoder", {"fixed": {"activation": "tanh"}}, "tanh"),
        ("vae", {"fixed": {"heads": "batchnorm_relu"}}, "none of its features is negative"),
        ("adage", {"fixed": {"activation": "sigmoid"}}, "0..1"),
        ("adage", {"space": {"sparsity": [0.0, 0.001]}}, "0 in many samples"),
        ("autoencoder", {"space": {"depth": [0, 2]}}, "-1..1"),
    ],
)
def test_a_code_whose_axes_mean_something_is_not_rotated(module, keys, why):
    assert choose_rotation(entry(module, **keys), "models.m") == "none"
    with pytest.raises(InputError, match=f"models.m.rotation: found 'varimax'.*{why}"):
        choose_rotation(entry(module, rotation="varimax", **keys), "models.m")


def associations(rows):
    columns = ["contrast", "named", "rank", "feature", "measure", "verdict"]
    columns += ["effect_train", "effect_test", "effect_test_low", "effect_test_high"]
    return pd.DataFrame(rows, columns=columns)


def test_the_table_counts_what_each_code_confirms(tmp_path):
    def write(name, table):
        write_table(table, tmp_path / name)
        return str(tmp_path / name)

    rows = [
        ("sex", "yes", 1, "z2", "auroc", "confirmed", 0.1, 0.2, 0.1, 0.3),
        ("sex", "yes", 2, "z1", "auroc", "confirmed", 0.8, 0.7, 0.6, 0.8),
        ("age", "no", 1, "z1", "spearman", "not confirmed", 0.4, 0.1, 0.0, 0.2),
    ]
    sets = pd.DataFrame(
        {"feature": ["z1", "z1", "z2"], "gene_set": ["A", "B", "A"], "named": ["yes", "yes", "no"]}
    )
    features = ["z1", "z2", "z3"]
    stability = pd.DataFrame({"feature": features * 2, "r": [0.5, -0.9, 0, -0.7, 1.0, 0]})
    stability["active"] = ["yes", "yes", "no"] * 2  # a dead feature is no matter of samples
    seeds = pd.DataFrame({"feature": ["z1", "z2"], "r": [0.4, -0.6], "active": "yes"})
    stability = pd.concat([stability.assign(kind="bootstrap"), seeds.assign(kind="seed")])
    compare_rotations(
        write("a.tsv", associations(rows)),
        write("s.tsv", sets),
        write("r.tsv", stability),
        write("ua.tsv", associations(rows[2:])),
        write("us.tsv", sets[:0]),
        write("ur.tsv", stability),
        "varimax",
        str(tmp_path / "rotation.tsv"),
    )
    table = read_table(str(tmp_path / "rotation.tsv"), index="rotation")
    assert list(table.index) == ["none", "varimax"]
    rotated = table.loc["varimax"]
    assert list(rotated[["contrasts_separated", "features_separating", "pairs"]]) == [
        1,
        2,
        2,
    ]
    assert list(rotated[["gene_sets", "features_with_gene_sets"]]) == [2, 1]
    # |r| of z1: 0.5 and 0.7, of z2: 0.9 and 1; the best feature of the confirmed contrast is z2.
    assert list(rotated[["stability", "stability_of_best"]]) == pytest.approx([0.775, 0.95])
    assert rotated["features_found_again"] == 1
    assert rotated["stability_over_seeds"] == pytest.approx(0.5)
    assert list(rotated[["sex train", "sex test"]]) == pytest.approx([0.9, 0.8])
    plain = table.loc["none"]
    assert not plain[["contrasts_separated", "features_separating", "gene_sets"]].any()
    assert np.isnan(plain["stability_of_best"])


def test_stability_before_the_rotation_is_that_of_the_codes_of_the_models():
    rng = np.random.default_rng(6)
    codes, rotation = rng.normal(size=(7, 3)), np.linalg.qr(rng.normal(size=(3, 3)))[0]
    names = [f"S{i}" for i in range(7)]
    features = pd.DataFrame(codes @ rotation, names, feature_names(3))
    found = unrotated(features, rotation)
    np.testing.assert_allclose(found, codes, atol=1e-12)
    assert list(found.index) == names and list(found) == feature_names(3)
