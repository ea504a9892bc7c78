"""Fixtures of the model tests."""

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported


@pytest.fixture(scope="session")
def planted():
    from .planted import Planted, plant

    return Planted(train=plant(150, seed=1), validation=plant(40, seed=2))
