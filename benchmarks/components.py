"""Compare exact principal components with scikit-learn's solvers: time, memory, what is right.

    python benchmarks/components.py            245 x 5,000 and the published 9,413 x 5,000
    python benchmarks/components.py --small    245 x 5,000

Each solver runs in a process of its own, in turns, on the same generated matrix (30 factors of
falling strength and noise, single precision). `wrong` counts the components whose cosine with those
of an exact decomposition (numpy, double precision; the smaller size only) is below 0.99. The last
line is JSON.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

#: Samples, genes, components.
SMALL, PUBLISHED = (245, 5_000, 60), (9_413, 5_000, 100)

#: Ours, and solvers of `sklearn.decomposition.PCA`; `auto` takes the randomised one at these sizes.
SOLVERS = ("ours", "auto", "covariance_eigh", "full")

#: The largest matrix that is also decomposed by numpy in double precision.
CHECKED = 2_000_000


def main() -> None:
    """Run every solver on every size; print the table and the line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--small", action="store_true", help="245 x 5,000 only")
    parser.add_argument("--run", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(measure(options.run[0], *map(int, options.run[1:]))))
        return
    rows = []
    print(
        f"{'samples x genes, components':30}{'solver':18}{'seconds':>9}{'peak GiB':>10}{'wrong':>7}"
    )
    for size in (SMALL,) if options.small else (SMALL, PUBLISHED):
        for solver in SOLVERS:
            command = [sys.executable, __file__, "--run", solver, *map(str, size)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            row = {"size": size, "solver": solver, **json.loads(output)}
            rows.append(row)
            shape = f"{size[0]:,} x {size[1]:,}, {size[2]}"
            wrong = "-" if row["wrong"] is None else row["wrong"]
            print(f"{shape:30}{solver:18}{row['seconds']:9.2f}{row['peak']:10.2f}{wrong:>7}")
    print(json.dumps(rows))


def measure(solver: str, n_samples: int, n_genes: int, count: int) -> dict:
    """Time one solver; the peak is that of the whole process, the matrix included."""
    X = generate(n_samples, n_genes)
    started = time.perf_counter()
    if solver == "ours":
        from tybalt.training.principal_components import principal_components

        started = time.perf_counter()  # imports are not counted
        found = principal_components(X, count).directions
    else:
        from sklearn.decomposition import PCA

        started = time.perf_counter()
        found = PCA(count, svd_solver=solver, random_state=0).fit(X).components_
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    wrong = None
    if X.size <= CHECKED:
        centred = X.astype(np.float64) - X.mean(axis=0, dtype=np.float64)
        exact = np.linalg.svd(centred, full_matrices=False)[2][:count]
        wrong = int(np.sum(np.abs(np.sum(found * exact, axis=1)) < 0.99))
    return {"seconds": round(seconds, 2), "peak": round(peak, 2), "wrong": wrong}


def generate(n_samples: int, n_genes: int) -> np.ndarray:
    """Draw rows of 30 factors of falling strength and noise of uneven size, as expression has."""
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((n_samples, 30), dtype=np.float32)
    factors *= np.arange(1, 31, dtype=np.float32) ** -0.5
    X = factors @ rng.standard_normal((30, n_genes), dtype=np.float32)
    noise = rng.standard_normal((n_samples, n_genes), dtype=np.float32)
    return X + noise * rng.gamma(2, 1, n_genes).astype(np.float32)


if __name__ == "__main__":
    main()
