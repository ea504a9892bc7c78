"""The one door between Snakemake and the library.

`run(function, snakemake)` binds a rule to a function by name, so that an argument cannot end up
in the wrong place; sends log messages and tracebacks to the rule's log; limits threads; stops a job
that was granted a GPU which its framework does not see; brings large inputs to the job's own disk
where it has one; lets the function write under temporary names and renames the files when it has
succeeded; and writes the provenance record where the rule asks for one.

Two names of a rule are reserved: the parameter `code` (a hash of the code, for reruns) and the
output `provenance` are the adapter's and never reach the function. Two arguments of a function
are filled by the adapter and named by no rule: `threads`, the rule's threads, and `checkpoint`,
where and how often to keep an unfinished result (see `checkpoint`).
"""

import hashlib
import inspect
import logging
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from tybalt import accelerator, takeover
from tybalt.errors import InputError
from tybalt.files import write_json

#: Inputs of at least this many bytes are brought to the job's own disk; smaller ones are read as
#: soon from where they are.
LARGE = 50_000_000

#: Libraries whose versions can change a number.
RECORDED_PACKAGES = (
    "tensorflow",
    "jax",
    "keras",
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "anndata",
    "openTSNE",
    "snakemake",
)

log = logging.getLogger(__name__)


def run(function: Callable[..., None], snakemake: Any) -> None:
    """Call a library function with the values of a Snakemake job.

    Parameters
    ----------
    function
        Its argument names are the names of the rule's input, params and output.
    snakemake
        The object that Snakemake puts into a script.
    """
    start_log(str(snakemake.log[0]))
    choose_framework()
    limit_threads(snakemake.threads)
    started = time.time()
    outputs = dict(snakemake.output.items())
    staged = {name: stage(path) for name, path in outputs.items()}
    arguments = bind(function, snakemake, staged)
    log.info("%s: %s", snakemake.rule, describe_wildcards(snakemake.wildcards))
    if snakemake.resources.get("accelerator"):
        accelerator.demand(snakemake.config["training"]["backend"])
    arguments |= bring_near(dict(snakemake.input.items()), snakemake.resources.get("tmpdir"))
    takeover.release(input_files(snakemake))
    try:
        if "checkpoint" in arguments:
            make_once(function, snakemake, arguments, staged, started)
        else:
            make(function, snakemake, arguments, staged, started)
        for name, path in outputs.items():
            Path(staged[name]).replace(path)
    finally:
        for path in staged.values():
            Path(path).unlink(missing_ok=True)
    log.info("done in %.1f s", time.time() - started)


def make(
    function: Callable[..., None],
    snakemake: Any,
    arguments: Mapping[str, Any],
    staged: Mapping[str, str],
    started: float,
) -> None:
    """Call the function and, where the rule asks for it, write the provenance record."""
    function(**arguments)
    if "provenance" in staged:
        write_json(provenance(snakemake, started), staged["provenance"])


def make_once(
    function: Callable[..., None],
    snakemake: Any,
    arguments: Mapping[str, Any],
    staged: Mapping[str, str],
    started: float,
) -> None:
    """As `make`, for trainings: not beside another process, and not again (`tybalt.takeover`)."""
    folder = Path(arguments["checkpoint"]["folder"])
    job = takeover.identity(
        dict(snakemake.params.items()), input_files(snakemake), snakemake.threads
    )
    with takeover.claim(folder):
        if not takeover.adopt(folder, job, staged):
            make(function, snakemake, arguments, staged, started)
            takeover.keep(folder, job, staged)


def input_files(snakemake: Any) -> list[str]:
    """List the input files of a job; a name of the rule may stand for several."""
    values = [value for _, value in snakemake.input.items()]
    return [
        str(path)
        for value in values
        for path in ([value] if isinstance(value, str | Path) else value)
    ]


def bind(
    function: Callable[..., None], snakemake: Any, outputs: Mapping[str, str]
) -> dict[str, Any]:
    """Collect the function's keyword arguments from the job.

    Raises
    ------
    TypeError
        If names of the rule and of the function differ, or one name is used twice.
    """
    groups = [dict(snakemake.input.items()), dict(snakemake.params.items()), dict(outputs)]
    values: dict[str, Any] = {}
    for group in groups:
        for name, value in group.items():
            if name in values:
                raise TypeError(f"rule {snakemake.rule}: {name!r} is named twice")
            values[name] = value
    values.pop("code", None)
    values.pop("provenance", None)
    accepted = inspect.signature(function).parameters
    if "threads" in accepted:
        values["threads"] = snakemake.threads
    if "checkpoint" in accepted:
        values["checkpoint"] = checkpoint(snakemake)
    if set(values) != set(accepted):
        raise TypeError(
            f"rule {snakemake.rule} gives {sorted(values)}, "
            f"{function.__name__} takes {sorted(accepted)}"
        )
    return values


def stage(path: str) -> str:
    """Return a unique temporary name beside `path`, with the same suffix.

    Left-overs of earlier jobs of this machine that are no longer alive are removed.
    """
    final = Path(path)
    host = os.uname().nodename
    for stale in final.parent.glob(f".{host}-*-{final.name}"):
        if not Path("/proc", stale.name[len(host) + 2 :].split("-")[0]).exists():
            stale.unlink(missing_ok=True)
    unique = f".{host}-{os.getpid()}-{uuid.uuid4().hex[:6]}-{final.name}"
    return str(final.with_name(unique))


def bring_near(inputs: Mapping[str, Any], tmpdir: str | None) -> dict[str, str]:
    """Copy large inputs from the shared disk to the disk of this SLURM job, once for the job.

    A folder is the job's own if the job's number is in its path (/lscratch/12345678); SLURM
    removes it with the job. Any other folder for temporary files is left alone. The jobs of a
    group share one allocation, so the first brings a file and the others find it.

    Parameters
    ----------
    inputs
        Name -> path of the job's inputs; lists of paths are many small files and stay.
    tmpdir
        Snakemake's resource of this name.

    Returns
    -------
    dict
        Name -> path of the copy, for the inputs that were brought.
    """
    number = os.environ.get("SLURM_JOB_ID")
    if not tmpdir or not number or number not in Path(tmpdir).parts:
        return {}
    large = {
        name: Path(path)
        for name, path in inputs.items()
        if isinstance(path, str) and Path(path).stat().st_size >= LARGE
    }
    return {name: str(copy_once(path, Path(tmpdir, "inputs"))) for name, path in large.items()}


def copy_once(path: Path, folder: Path) -> Path:
    """Copy a file into a folder unless its present state is there; return the copy's path."""
    state = f"{path.resolve()} {path.stat().st_size} {path.stat().st_mtime_ns}"
    copy = folder / hashlib.sha256(state.encode()).hexdigest()[:16] / path.name
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(stage(str(copy)))
        shutil.copyfile(path, unfinished)
        unfinished.replace(copy)
        log.info("%s: brought to %s", path, copy)
    return copy


def checkpoint(snakemake: Any) -> dict[str, Any]:
    """Say where a job keeps an unfinished result, and what makes it the same job.

    Returns
    -------
    dict
        `folder`: beside the job's first output and named after it, so that the next attempt finds
        it (outputs themselves are staged under names that change); removed when the job succeeds.
        `every`: epochs between checkpoints. It comes from the config and not from the params,
        because a change of it must not rerun anything. `code` and `threads` of the job.
    """
    output = Path(next(iter(dict(snakemake.output.items()).values())))
    return {
        "folder": str(takeover.folder_of(output)),
        "every": snakemake.config["training"]["checkpoint_every"],
        "code": dict(snakemake.params.items())["code"],
        "threads": snakemake.threads,
    }


def start_log(path: str) -> None:
    """Send log messages and uncaught errors to the rule's log file; errors also to the terminal."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)

    def report(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
        if issubclass(kind, InputError):
            log.error("ERROR %s", error)
        else:
            log.error("ERROR %s", error, exc_info=(kind, error, traceback))
        print(f"\nERROR: {error}\n(log: {path})\n", file=sys.stderr)

    sys.excepthook = report


def choose_framework() -> None:
    """Put TensorFlow under Keras, whatever the user's ~/.keras says, and keep its chatter out.

    On a GPU, either framework takes memory as it needs it, not all of it at once.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if folder := compilations():
        flags = f"--tf_xla_persistent_cache_directory={folder}"
        os.environ.setdefault("TF_XLA_FLAGS", f"{flags} --tf_xla_persistent_cache_device_types=CPU")


def compilations() -> Path | None:
    """Make a folder in which XLA keeps what it compiles for this machine's kind of CPU.

    A trial whose network has the shape of an earlier one need not compile it again, which takes
    longer than a short training; the numbers are the same to the last bit. The folder is this
    user's alone; None if it cannot be.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        kind = sorted({line for line in lines if line.startswith(("model name", "flags"))})
        text = "\n".join([*kind, *(str(_version(name)) for name in ("tensorflow", "keras"))])
        name = f"tybalt-xla-{os.getuid()}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        folder = Path(tempfile.gettempdir(), name)
        folder.mkdir(mode=0o700, exist_ok=True)
        own = folder.lstat()
    except OSError:
        return None
    return folder if stat.S_ISDIR(own.st_mode) and own.st_uid == os.getuid() else None


def limit_threads(threads: int) -> None:
    """Hold every numerical library to the rule's threads, also those loaded later."""
    from threadpoolctl import threadpool_limits

    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ[f"{name}_NUM_THREADS"] = str(threads)
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    os.environ["NPROC"] = str(threads)  # the pool of XLA on the CPU, as JAX starts it
    threadpool_limits(threads)


def describe_wildcards(wildcards: Any) -> str:
    """Write a job's wildcards as `dataset=demo, model=vae`."""
    return ", ".join(f"{name}={value}" for name, value in wildcards.items()) or "no wildcards"


def provenance(snakemake: Any, started: float) -> dict[str, Any]:
    """Describe how a file came about: the only place for times, versions and the machine."""
    return {
        "rule": snakemake.rule,
        "wildcards": dict(snakemake.wildcards.items()),
        "inputs": [str(path) for path in snakemake.input],
        "parameters": dict(snakemake.params.items()),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(started)),
        "seconds": round(time.time() - started, 1),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "threads": snakemake.threads,
        "machine": f"{os.uname().sysname} {os.uname().machine}, {os.cpu_count()} cores",
        "python": sys.version.split()[0],
        "packages": {name: _version(name) for name in RECORDED_PACKAGES},
        "accelerator": accelerator.describe(),
        "git_commit": git_commit(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def git_commit() -> str | None:
    """Return the commit of the workflow, with `+` behind it if files differ; None outside git."""
    here = Path(__file__).parent
    try:
        command = ["git", "-C", str(here), "describe", "--always", "--abbrev=40", "--dirty=+"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
