"""Ways of tuning on one space: what they train, what they find, what each trial costs beside.

    .venv/bin/python benchmarks/tuning.py [--small] [--expression PATH]

Our tuners run as users run them, through Snakemake in a folder of its own: grid (the whole space),
random and Bayesian with half of its trials (with all of them they are the grid, as no model is
trained twice), and Hyperband. Beside them, plain KerasTuner (BayesianOptimization, Hyperband) in
one process, with `model.fit`, on the same model, space, seed and epochs. A setting is trained for
9 epochs, in Hyperband for at most 9. The score is the validation score of the best setting; with
another seed it varies by `noise` (the standard deviation over executions of the grid's best).

Hyperband asks for more settings per epoch than a grid: 17 in 75 epochs. So it cannot have all
epochs of a grid on the same space.

One search by each way tells little of the ways. So they are also replayed on the scores that the
grid measured, with three executions of every setting: see replay.py for what is in `replays`.

`fixed_cost_per_trial_s` is what a training costs beside its steady epochs: start of the process,
imports, reading, compilation. It is wall time, measured while `--cores` trainings run at a time.
The last line is one JSON object.
"""

import argparse
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from replay import print_ways

ROOT = Path(__file__).resolve().parents[1]

#: Everything that a run reads.
PARTS = ("Snakefile", "config", "workflow", "resources", "envs", "profiles")

EPOCHS = 9
FULL = {
    "genes": 5000,
    "fixed": {"latent_dim": 100, "kappa": 1.0},
    "space": {
        "learning_rate": [0.0002, 0.0005, 0.001, 0.002, 0.004, 0.008],
        "batch_size": [10, 25, 50],
    },
}
SMALL = {
    "genes": 200,
    "fixed": {"latent_dim": 5, "kappa": 1.0},
    "space": {"learning_rate": [0.001, 0.004], "batch_size": [20, 50]},
}


def main() -> None:
    """Run every way, print a table, then the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a small space, for a quick look")
    parser.add_argument("--expression", type=Path, help="a matrix of yours: genes x samples")
    parser.add_argument("--clinical", type=Path, help="its clinical table (default: beside it)")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    setup = SMALL if arguments.small else FULL
    ways = tuners(setup["space"], arguments.small)
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(Path(folder), setup, ways, arguments)
        results = {way: runner.run(way) for way in ways}
        for kind in ["bayesian"] if arguments.small else ["bayesian", "hyperband"]:
            results[f"kerastuner_{kind}"] = runner.run_kerastuner(kind)
        replays = None if arguments.small else runner.replays()
    columns = ["trainings", "epochs", "best", "seconds", "fixed_cost_per_trial_s"]
    print(f"{'':22}" + "".join(f"{column:>24}" for column in columns))
    for way, result in results.items():
        print(f"{way:22}" + "".join(f"{show(result[column]):>24}" for column in columns))
    if replays:
        print_ways(replays)
    print(json.dumps({"ways": results, "replays": replays}))


def show(value: Any) -> str:
    """Write a number, or a dash."""
    return "-" if value is None else f"{value:.6g}"


def tuners(space: dict[str, list], small: bool) -> dict[str, dict[str, Any]]:
    """List our tuners; random and Bayesian have half of the grid's trials.

    The quick look has grid and Bayesian only.
    """
    half, slots = math.prod(len(values) for values in space.values()) // 2, 1 if small else 3
    ways = {
        "grid": {"module": "grid"},
        "bayesian_half": {
            "module": "bayesian",
            "rounds": half // slots,
            "trials_per_round": slots,
            "num_initial_points": half // 3,
        },
    }
    if not small:
        ways["random_half"] = {"module": "random", "trials": half}
        ways["hyperband"] = {"module": "hyperband", "max_epochs": EPOCHS, "factor": 3}
    return ways


class Runner:
    """A copy of the workflow in which the ways run one after another, on one matrix."""

    def __init__(self, folder: Path, setup: dict, ways: dict, arguments: argparse.Namespace):
        self.folder, self.setup, self.ways = folder, setup, ways
        self.cores, self.seed = arguments.cores, arguments.seed
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, folder / part)
        self.dataset = dataset(arguments, setup["genes"])
        self.snakemake("grid", "preprocess")

    def snakemake(self, way: str, target: str, executions: int = 1) -> float:
        """Run one way up to a target; return the seconds it took."""
        import yaml

        fixed = {**self.setup["fixed"], "epochs": EPOCHS}
        model = {"module": "vae", "fixed": fixed, "space": self.setup["space"]}
        config = {
            "seed": self.seed,
            "datasets": {"bench": self.dataset},
            "models": {"bench": model},
            "tuners": self.ways,
            "training": {"executions_per_trial": executions},
            "experiments": [{"datasets": ["bench"], "models": ["bench"], "tuners": [way]}],
        }
        (self.folder / "config" / "bench.yaml").write_text(yaml.safe_dump(config))
        command = [sys.executable, "-m", "snakemake", "--profile", "profiles/local", "--quiet"]
        command += ["--cores", str(self.cores), "--configfile", "config/bench.yaml", "--", target]
        started = time.monotonic()
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
        return time.monotonic() - started

    def run(self, way: str) -> dict[str, Any]:
        """Run one of our tuners."""
        seconds = self.snakemake(way, "tune")
        best = json.loads((self.folder / f"results/bench/bench/{way}/best.json").read_text())
        trained = [path for path in self.trials(way) if not path.read_text().count('"empty"')]
        steady = statistics.median(seconds_per_epoch(self.log_of(path)) for path in trained)
        total = sum(self.seconds_of(path) for path in trained)
        return {
            "trainings": best["trainings"],
            "epochs": best["epochs"],
            "best": best["score"],
            "seconds": seconds,
            "fixed_cost_per_trial_s": (total - best["epochs"] * steady) / len(trained),
        }

    def trials(self, way: str) -> list[Path]:
        """List the results of a search."""
        return sorted((self.folder / f"results/bench/bench/{way}/trials").glob("r*/*/e*.json"))

    def log_of(self, trial: Path) -> Path:
        """Find the log of a trial."""
        name = trial.relative_to(self.folder / "results").with_suffix(".log").as_posix()
        return self.folder / "results/logs/train_trial" / name.replace("/trials/", "/")

    def seconds_of(self, trial: Path) -> float:
        """Read what Snakemake measured of a job, from the start of its process to its end."""
        name = self.log_of(trial).relative_to(self.folder / "results/logs").with_suffix(".tsv")
        text = (self.folder / "results/benchmarks" / name).read_text()
        return float(text.splitlines()[1].split("\t")[0])

    def replays(self) -> dict[str, Any]:
        """Train every setting three times; search the table of scores again and again."""
        self.snakemake("grid", "tune", executions=3)
        settings = [
            [json.loads(path.read_text()) for path in sorted(folder.glob("e*.json"))]
            for folder in sorted((self.folder / "results/bench/bench/grid/trials/r0").iterdir())
        ]
        task = {
            "space": self.setup["space"],
            "settings": [executions[0]["hyperparameters"] for executions in settings],
            "scores": [[each["score"] for each in executions] for executions in settings],
            "trials": len(settings) // 2,
            "slots": 3,
        }
        return self.python("replay.main(['--task', sys.argv[1]])", task)

    def run_kerastuner(self, kind: str) -> dict[str, Any]:
        """Run plain KerasTuner in a process of its own."""
        task = {
            "kind": kind,
            "space": self.setup["space"],
            "fixed": self.setup["fixed"],
            "seed": self.seed,
            "matrix": str(self.folder / "results/bench/matrix.h5ad"),
            "directory": str(self.folder / "kerastuner"),
        }
        started = time.monotonic()
        result = self.python("tuning.kerastuner()", task)
        return {**result, "seconds": time.monotonic() - started, "fixed_cost_per_trial_s": None}

    def python(self, call: str, task: dict[str, Any]) -> dict[str, Any]:
        """Call a function of this folder in a process of its own; it prints a line of JSON."""
        program = f"import sys, replay, tuning; {call}"
        command = [sys.executable, "-c", program, json.dumps(task)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            sys.exit(done.stderr[-3000:])
        return json.loads(done.stdout.splitlines()[-1])


def dataset(arguments: argparse.Namespace, n_genes: int) -> dict[str, Any]:
    """Return the config entry of the matrix: the one given, or a simulated cohort."""
    common = {"genes": {"count": n_genes}, "split": {"validation": 0.2, "test": 0.1}}
    if arguments.expression:
        expression = arguments.expression.resolve()
        clinical = arguments.clinical or expression.with_name("clinical_subset.tsv")
        header = clinical.open().readline().rstrip("\n").split("\t")
        return {
            **common,
            "kind": "local",
            "files": {"expression": str(expression), "clinical": str(clinical.resolve())},
            "clinical": {"columns": {"sample": header[0]}},
        }
    size = {"samples": 240, "genes": 1500, "cancer_types": ["BRCA", "KIRC", "UVM"]}
    if not arguments.small:
        size = {"samples": 400, "genes": 8000, "cancer_types": "all"}
    return {**common, "kind": "simulated", "simulation": size}


def seconds_per_epoch(log: Path) -> float:
    """Read the pace of the epochs from a log (whole seconds), the first epoch left out."""
    stamps = re.findall(r"^(\d+):(\d+):(\d+) epoch", log.read_text(), re.MULTILINE)
    seconds = [3600 * int(h) + 60 * int(m) + int(s) for h, m, s in stamps]
    return (seconds[-1] - seconds[0]) / (len(seconds) - 1) if len(seconds) > 1 else 0.0


def kerastuner() -> None:
    """Search with plain KerasTuner, the Keras model fitted by `fit`; print one line of JSON."""
    task = json.loads(sys.argv[1])
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    import keras_tuner

    from tybalt.data.matrix import read_parts
    from tybalt.models import vae
    from tybalt.training.rows import make_inputs

    parts = read_parts(task["matrix"], ["train", "validation"])
    X, V = parts["train"], parts["validation"]
    inputs = make_inputs([f"g{i}" for i in range(X.shape[1])])
    epochs_run: list[int] = []

    class Score(keras.callbacks.Callback):
        """Writes our score of the mean code, genes x cross-entropy + divergence, into the logs."""

        def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
            epochs_run.append(epoch)
            logs["val_score"] = elbo(self.model, V)

    class Model(keras_tuner.HyperModel):
        """The VAE, its batch size included."""

        def build(self, hp: Any) -> Any:
            chosen = {name: hp.Choice(name, values) for name, values in task["space"].items()}
            keras.utils.set_random_seed(task["seed"])
            return vae.build(inputs, vae.HParams(**task["fixed"], **chosen))

        def fit(self, hp: Any, model: Any, *arguments: Any, **options: Any) -> Any:
            options["callbacks"] = [Warm(), Score(), *options["callbacks"]]
            return model.fit(X, X, batch_size=hp.get("batch_size"), verbose=0, **options)

    class Warm(keras.callbacks.Callback):
        """Moves the weight of the divergence, as our engine does."""

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            layer = self.model.get_layer("kl")
            layer.weight.assign(layer.weight_at(epoch + 1))

    common = {
        "hypermodel": Model(),
        "objective": keras_tuner.Objective("val_score", "min"),
        "seed": task["seed"],
        "directory": task["directory"],
        "project_name": task["kind"],
    }
    half = math.prod(len(values) for values in task["space"].values()) // 2
    if task["kind"] == "bayesian":
        common |= {"max_trials": half, "num_initial_points": half // 3}
        tuner = keras_tuner.BayesianOptimization(**common)
        options = {"epochs": EPOCHS}
    else:
        tuner = keras_tuner.Hyperband(max_epochs=EPOCHS, factor=3, **common)
        options = {}
    # It would import tensorboard, which nothing here needs.
    tuner._configure_tensorboard_dir = lambda *arguments, **options: None
    tuner.search(**options)
    best = tuner.oracle.get_best_trials(1)[0].score
    trainings = len(tuner.oracle.trials)
    print("\n" + json.dumps({"trainings": trainings, "epochs": len(epochs_run), "best": best}))


def elbo(model: Any, X: Any) -> float:
    """Score a VAE as our trials do: at the reconstruction of the mean code."""
    import keras
    import numpy as np

    from tybalt.plan.objectives import score
    from tybalt.training.engine_of_keras import start_engine
    from tybalt.training.rows import Rows, make_inputs

    if not hasattr(model, "measured_by"):
        model.measured_by = start_engine(model, len(X), seed=0)
    measured = model.measured_by.measure(
        model.measured_by.place(Rows(X, make_inputs([f"g{i}" for i in range(X.shape[1])])))
    )
    means = {f"validation_{name}": float(np.mean(measured[name])) for name in ("bce", "kl")}
    assert keras.backend.backend() == "tensorflow"
    return score("elbo", means, X.shape[1])


if __name__ == "__main__":
    main()
