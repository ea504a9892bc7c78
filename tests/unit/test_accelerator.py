"""A job that was granted a GPU and sees none stops with a message that says what to do."""

import importlib
import sys
from types import SimpleNamespace

import pytest

from tybalt.jobs import accelerator
from tybalt.plan.errors import InputError


@pytest.fixture(autouse=True)
def nothing_granted(monkeypatch):
    for name in (*accelerator.GRANTS, accelerator.CHECK):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def node(monkeypatch, tmp_path):
    """A node of which a test says what GPUs, driver and build of TensorFlow it has."""

    def describe(gpus=0, with_driver=True, with_cuda=True):
        seen = [SimpleNamespace(name=f"GPU:{i}") for i in range(gpus)]
        details = {"device_name": "Tesla V100-SXM2-32GB", "compute_capability": (7, 0)}
        framework = SimpleNamespace(
            config=SimpleNamespace(
                list_physical_devices=lambda kind: seen,
                experimental=SimpleNamespace(get_device_details=lambda device: details),
            ),
            test=SimpleNamespace(is_built_with_cuda=lambda: with_cuda),
            sysconfig=SimpleNamespace(
                get_build_info=lambda: {"cuda_version": "12.5.1", "cudnn_version": "9"}
            ),
        )
        monkeypatch.setitem(sys.modules, "tensorflow", framework)
        monkeypatch.delitem(sys.modules, "jax", raising=False)
        file = tmp_path / "version"
        if with_driver:
            file.write_text("NVRM version: NVIDIA UNIX Kernel Module  550.54.15\nGCC version: 12\n")
        monkeypatch.setattr(accelerator, "DRIVER", file)

    return describe


@pytest.mark.parametrize("name", accelerator.GRANTS)
@pytest.mark.parametrize(
    ("state", "cure"),
    [
        ({"with_driver": False}, "has no NVIDIA driver"),
        ({"with_cuda": False}, "CONDA_OVERRIDE_CUDA"),
        ({}, r"550\.54\.15.*pip install -r requirements-gpu\.txt"),
    ],
)
def test_a_granted_gpu_that_is_not_seen_stops_the_job(node, monkeypatch, name, state, cure):
    node(**state)
    monkeypatch.setenv(name, "2")
    with pytest.raises(InputError, match=cure) as stopped:
        accelerator.demand("tensorflow")
    assert f"{name}=2" in str(stopped.value)


def test_a_granted_gpu_that_is_seen_is_enough(node, monkeypatch):
    node(gpus=1)
    monkeypatch.setenv("SLURM_JOB_GPUS", "0")
    accelerator.demand("tensorflow")


@pytest.mark.parametrize("value", [None, *accelerator.NO_DEVICES])
def test_without_a_grant_the_framework_is_not_even_started(monkeypatch, value):
    def refuse(name):
        raise AssertionError(f"{name} was started")

    monkeypatch.setattr(importlib, "import_module", refuse)
    if value is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    accelerator.demand("tensorflow")


def test_the_check_can_be_switched_off_and_the_record_says_so(node, monkeypatch):
    node()
    monkeypatch.setenv("SLURM_JOB_GPUS", "0")
    monkeypatch.setenv(accelerator.CHECK, "off")
    accelerator.demand("tensorflow")
    assert accelerator.describe()["check"] == "off"


def test_the_record_names_device_driver_and_libraries(node, monkeypatch):
    node(gpus=1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert accelerator.describe() == {
        "granted": {"CUDA_VISIBLE_DEVICES": "3"},
        "driver": "NVIDIA UNIX Kernel Module  550.54.15",
        "check": "on",
        "devices": {"tensorflow": [{"name": "Tesla V100-SXM2-32GB", "compute_capability": "7.0"}]},
        "libraries": {"cuda": "12.5.1", "cudnn": "9"},
    }


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_the_frameworks_really_answer(backend):
    importlib.import_module(backend)
    assert isinstance(accelerator.devices(backend), list)
