"""Searches that were cut short are said to be, with what to try next; others are not."""

import pytest

from tybalt.models.vae import HParams
from tybalt.tuning.limits import chance, enough, find_limits

WINNER = {"depth": 0, "kappa": 0.5, "learning_rate": 0.001, "hidden_dim": 100, "epochs": 40}


def limits(best_epoch=30, space=None, n_settings=100, inert=(), **changed):
    return find_limits(WINNER | changed, best_epoch, space or {}, n_settings, HParams, inert)


def test_a_best_epoch_that_is_the_last_asks_for_more():
    (line,) = limits(best_epoch=40)
    assert "the last of 40" in line and "epochs: 80" in line
    assert limits(best_epoch=39) == []


def test_the_last_epoch_of_a_short_run_says_nothing_where_longer_ones_were_tried():
    assert limits(best_epoch=40, space={"epochs": [40, 80]}) == []
    (line,) = limits(best_epoch=80, epochs=80, space={"epochs": [40, 80]})
    assert "epochs: 160" in line


def test_a_model_in_closed_form_has_no_epochs_to_add():
    assert find_limits({"latent_dim": 30}, 1, {}, 1, HParams) == []


@pytest.mark.parametrize(
    ("values", "best", "expected"),
    [
        ([0.0005, 0.001], 0.001, "its learning_rate 0.001 is the largest of the 2 that were"),
        ([0.001, 0.002, 0.004], 0.001, "smallest of the 3 that were tried; try 0.0005 as well"),
        ([0.0005, 0.001, 0.002], 0.001, None),
        ([0.001], 0.001, None),
    ],
)
def test_a_best_value_at_an_edge_is_said(values, best, expected):
    lines = limits(space={"learning_rate": values}, learning_rate=best)
    assert lines == [] if expected is None else expected in lines[0]


def test_an_edge_that_the_model_cannot_pass_is_none():
    assert limits(space={"depth": [0, 1]}) == []  # there are no fewer than 0 layers
    assert limits(space={"kappa": [0.1, 1.0]}, kappa=1.0) == []  # declared: at most 1
    (line,) = limits(space={"kappa": [0.1, 1.0]}, kappa=0.1)
    assert "try 0.01 as well" in line
    (line,) = limits(space={"hidden_dim": [100, 300]}, hidden_dim=300)
    assert "try 900 as well" in line  # units are whole


def test_the_best_value_of_a_hyperparameter_without_effect_says_nothing():
    space = {"learning_rate": [0.0005, 0.001]}
    assert limits(space=space, inert=["learning_rate"]) == []


def test_words_have_no_edge():
    assert limits(space={"heads": ["linear", "batchnorm_relu"]}, heads="linear") == []


def test_too_few_settings_are_counted_as_bergstra_and_bengio_do():
    # 60 random trials find one of the best 5 % with a chance of 95 % (their section 2.1).
    assert chance(60) == pytest.approx(0.954, abs=5e-4)
    assert enough(0.95) == 59
    space = {"kappa": [0.1, 0.5, 1.0]}
    (line,) = limits(space=space, n_settings=3)
    assert "3 settings are too few" in line and "14 %" in line and "59 trials" in line
    assert limits(space=space, n_settings=14) == []
    assert limits(n_settings=1) == []  # no search, no warning
