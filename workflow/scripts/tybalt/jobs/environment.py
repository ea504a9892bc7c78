"""What a job runs in: its log, its threads, the framework under Keras."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

from tybalt.plan.errors import InputError, printable

log = logging.getLogger(__name__)


def start_log(path: str) -> None:
    """Send log messages and uncaught errors to the rule's log file; errors also to the terminal."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    handler = LogFile(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)

    def report(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
        if issubclass(kind, KeyboardInterrupt):
            log.info("interrupted")
            return
        if issubclass(kind, InputError):
            log.error("ERROR %s", printable(error))
        else:
            log.error("ERROR %s", printable(error), exc_info=(kind, error, traceback))
        print(f"\nERROR: {printable(error)}\n(log: {path})\n", file=sys.stderr)

    sys.excepthook = report


class LogFile(logging.FileHandler):
    """A log that a full disk cuts short, without a word for each line that is lost."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Pass over what cannot be written; see `logging.Handler.handleError`."""
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)


def report_interrupts() -> None:
    """End on an interruption (Ctrl-C) without a traceback of wherever the job happened to be."""
    others = sys.excepthook

    def report(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            others(kind, error, traceback)

    sys.excepthook = report


def choose_framework() -> None:
    """Put TensorFlow under Keras, whatever the user's ~/.keras says, and keep its chatter out.

    On a GPU, either framework takes memory as it needs it, not all of it at once.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    # XLA calls it an error that what it compiled on this very machine has its own tuning flags.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def limit_threads(threads: int) -> None:
    """Hold every numerical library to the rule's threads, also those loaded later."""
    from threadpoolctl import threadpool_limits

    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ[f"{name}_NUM_THREADS"] = str(threads)
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    os.environ["NPROC"] = str(threads)  # the pool of XLA on the CPU, as JAX starts it
    threadpool_limits(threads)
