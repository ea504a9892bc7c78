"""Declarations of hyperparameters, and the names of settings."""

import dataclasses
import importlib
import subprocess
import sys

import pytest

from tybalt.models.vae import HParams
from tybalt.plan import models_and_tuners as study
from tybalt.plan.errors import InputError
from tybalt.plan.hyperparameters import coerce, describe_range, effective, trial_id
from tybalt.plan.objectives import OBJECTIVES

MODULES = study.available("models")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dept": 1}, r"m\.dept: .*did you mean 'depth'"),
        ({"depth": 1.5}, r"m\.depth: found 1\.5, expected a whole number"),
        ({"depth": -1}, r"m\.depth: found -1, expected a whole number from 0 to 100"),
        ({"depth": True}, r"m\.depth: found True"),
        ({"hidden_dim": 10**30}, r"m\.hidden_dim: found 10*, expected .* from 1 to 100000"),
        ({"latent_dim": 10**12}, r"m\.latent_dim: found 10*, expected .* from 1 to 100000"),
        ({"epochs": 10**18}, r"m\.epochs: found 10*, expected .* from 1 to 1000000"),
        ({"learning_rate": float("inf")}, r"m\.learning_rate: found inf"),
        ({"kappa": 0}, r"m\.kappa: found 0, expected a number greater than 0 and at most 1"),
        ({"learning_rate": "fast"}, r"m\.learning_rate: found 'fast', expected a number"),
        ({"learning_rate": "nan"}, r"m\.learning_rate: found 'nan'"),
        ({"heads": "liner"}, r"m\.heads: found 'liner'; did you mean 'linear'"),
        ({"kl_term": False}, r"m\.kl_term: found False, expected a word"),
    ],
)
def test_what_a_model_does_not_allow_is_refused(values, message):
    with pytest.raises(InputError, match=message):
        coerce(HParams, values, "m")


def test_values_of_one_meaning_are_one_setting():
    same = [{"learning_rate": "5e-4", "kappa": 1}, {"learning_rate": 0.0005, "kappa": 1.0}]
    first, second = (coerce(HParams, values, "m") for values in same)
    assert first == second
    assert trial_id("vae", first) == trial_id("vae", second)


def test_fields_without_effect_and_epochs_stay_out_of_the_name():
    shallow = HParams(depth=0, hidden_dim=100)
    assert "hidden_dim" not in effective(shallow)
    assert trial_id("vae", shallow) == trial_id("vae", HParams(depth=0, hidden_dim=300))
    assert trial_id("vae", shallow) == trial_id("vae", HParams(depth=0, epochs=7))
    assert trial_id("vae", HParams(depth=1, hidden_dim=100)) != trial_id(
        "vae", HParams(depth=1, hidden_dim=300)
    )
    assert trial_id("vae", HParams(kl_term="none", kappa=0.1)) == trial_id(
        "vae", HParams(kl_term="none")
    )


@pytest.mark.parametrize("name", MODULES)
def test_every_field_is_declared_in_full(name):
    module = importlib.import_module(f"tybalt.models.{name}")
    assert module.OBJECTIVE in OBJECTIVES
    for field in dataclasses.fields(module.HParams):
        assert field.metadata["doc"].endswith("."), field.name
        assert describe_range(field)
        assert coerce(module.HParams, {field.name: field.default}, "m") == module.HParams()


def test_models_import_nothing_but_the_standard_library():
    """The Snakefile imports them in every cluster job."""
    imports = "\n".join(f"import tybalt.models.{name}" for name in MODULES)
    code = f"{imports}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    scripts = study.PACKAGE.parent
    result = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(scripts)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(result.stdout.split())
    assert loaded.isdisjoint({"numpy", "pandas", "keras", "tensorflow", "sklearn"})
