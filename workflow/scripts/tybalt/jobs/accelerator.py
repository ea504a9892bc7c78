"""The accelerator that a job was granted: the framework sees it, or the job stops at once.

TensorFlow and JAX train on the CPU without a word where they find no GPU: the queue of the GPU
partition is then waited for, and paid, in vain.
"""

import importlib
import os
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from tybalt.plan.errors import InputError

#: Variables in which SLURM and CUDA tell a job its GPUs
#: (https://slurm.schedmd.com/gres.html#GPU_Management).
GRANTS = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "CUDA_VISIBLE_DEVICES")

#: Values of these variables that mean: none.
NO_DEVICES = ("", "-1", "NoDevFiles")

#: Set to `off` where the GPUs of a SLURM are stand-ins, as in the tests of this workflow.
CHECK = "TYBALT_GPU_CHECK"

#: Where the driver of NVIDIA says its version.
DRIVER = Path("/proc/driver/nvidia/version")

#: What pip is told to install a framework together with its CUDA libraries. CUDA 12 in both, as 13
#: has left out the P100 and the V100 (https://docs.nvidia.com/cuda/cuda-toolkit-release-notes).
CURES = {"tensorflow": "-r requirements-gpu.txt", "jax": "'jax[cuda12]'"}


def granted(environment: Mapping[str, str]) -> dict[str, str]:
    """Tell what the environment says of GPUs that are this job's own: variable -> value."""
    return {
        name: environment[name]
        for name in GRANTS
        if environment.get(name, "") not in NO_DEVICES
    }  # fmt: skip


def demand(backend: str) -> None:
    """Stop a job that was granted a GPU which its framework does not see.

    Parameters
    ----------
    backend
        ``tensorflow`` or ``jax``.

    Raises
    ------
    InputError
        With the likely cause and its cure. Never where no GPU was granted, or the check is off.
    """
    grants = granted(os.environ)
    if not grants or os.environ.get(CHECK) == "off" or devices(backend):
        return
    told = ", ".join(f"{name}={value}" for name, value in grants.items())
    version = metadata.version(backend)
    raise InputError(
        f"this job was granted a GPU ({told}), but {backend} {version} sees none and would train "
        f"on the CPU. {find_cause(backend)} (To train on the CPU on purpose, do not ask for a "
        f"GPU; {CHECK}=off switches this check off.)"
    )


def devices(backend: str) -> list[dict[str, str]]:
    """List the GPUs that a framework sees, with what it knows of each; this starts the framework.

    Returns
    -------
    list of dict
        ``name`` and, from TensorFlow, ``compute_capability``.
    """
    framework = importlib.import_module(backend)
    if backend == "jax":
        seen = [device for device in framework.devices() if device.platform == "gpu"]
        return [{"name": device.device_kind} for device in seen]
    found = []
    for device in framework.config.list_physical_devices("GPU"):
        details = framework.config.experimental.get_device_details(device)
        capability = ".".join(map(str, details.get("compute_capability", ())))
        found.append({"name": details.get("device_name"), "compute_capability": capability})
    return found


def find_cause(backend: str) -> str:
    """Say why a framework sees no GPU, as far as this machine tells, and what to do."""
    if not DRIVER.exists():
        return (
            f"The node {os.uname().nodename} has no NVIDIA driver ({DRIVER} is missing): report it "
            "and leave it out meanwhile (snakemake --slurm-exclude-failed-nodes NODE)."
        )
    cure = CURES[backend]
    if backend == "tensorflow" and not importlib.import_module(backend).test.is_built_with_cuda():
        return (
            f"This {backend} is a build for CPUs: make the environment from envs/gpu.yaml, or "
            f"`pip install {cure}`; with conda's own packages, set CONDA_OVERRIDE_CUDA to the "
            "CUDA version of the GPU nodes while the environment is made."
        )
    return (
        f"The driver is there ({driver()}), so the CUDA libraries are missing or too new for it: "
        f"make the environment from envs/gpu.yaml, or `pip install {cure}`."
    )


def driver() -> str | None:
    """Return the version line of the NVIDIA driver; None without one."""
    if not DRIVER.exists():
        return None
    return DRIVER.read_text(encoding="utf-8").splitlines()[0].removeprefix("NVRM version: ").strip()


def describe() -> dict[str, Any]:
    """Describe the accelerators of this job, for its record.

    A framework that the job has not loaded is not started for this.

    Returns
    -------
    dict
        ``granted`` (see `granted`), ``driver``, ``check`` (on | off), ``devices``: framework ->
        GPUs that it sees, and ``libraries``: the CUDA and cuDNN that TensorFlow was built for.
    """
    loaded = [backend for backend in CURES if backend in sys.modules]
    libraries = {}
    if "tensorflow" in loaded:
        build = sys.modules["tensorflow"].sysconfig.get_build_info()
        libraries = {
            name: str(build[f"{name}_version"])
            for name in ("cuda", "cudnn")
            if f"{name}_version" in build
        }
    return {
        "granted": granted(os.environ),
        "driver": driver(),
        "check": "off" if os.environ.get(CHECK) == "off" else "on",
        "devices": {backend: devices(backend) for backend in loaded},
        "libraries": libraries,
    }
