"""The phase of a simulated cohort: how well it can be known at all, and which codes know it.

    .venv/bin/python benchmarks/phase.py results/demo/matrix.h5ad \
        results/demo/raw/planted_factors.h5ad [--latent-dim 30] [--before 10 20]

R2 is the mean of those of cosine and sine on test samples (`tybalt.analysis.planted_factors`). The
ceilings are told the phase of the training samples; the codes are not. The last line is one JSON
object.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

import anndata
import numpy as np
import pandas as pd
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV

from tybalt.analysis.planted_factors import PHASE, explain_factors, explained, read_factors
from tybalt.data.matrix import read_obs, read_values, read_var
from tybalt.training.model import make_model
from tybalt.training.rows import Rows, make_inputs

#: Numbers of components that are asked for, as far as the training samples allow.
COMPONENTS = (10, 30, 50, 80, 100, 200, 300)


def main() -> None:
    """Measure the ceilings, principal components and closed curves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("matrix", help="matrix.h5ad of a simulated dataset")
    parser.add_argument("planted", help="its planted_factors.h5ad")
    parser.add_argument("--latent-dim", type=int, default=30, help="features of the curved codes")
    parser.add_argument("--before", type=int, nargs="+", default=[10, 20])
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("tybalt.models.circular").setLevel(logging.INFO)

    obs, X = read_obs(arguments.matrix), read_values(arguments.matrix)
    genes = list(read_var(arguments.matrix).index)
    factors = read_factors(arguments.planted).loc[obs.index, PHASE]
    var = anndata.read_h5ad(arguments.planted).var
    names = set(var["row_name"].astype(str)[(var["programme"] == "phase").to_numpy()])
    follows = np.array([gene in names for gene in genes])
    train, test = ((obs["split"] == part).to_numpy() for part in ("train", "test"))
    print(f"{len(X)} samples ({train.sum()} train), {len(genes)} genes, {follows.sum()} with phase")
    share = X[train][:, follows].var(axis=0).sum() / X[train].var(axis=0).sum()
    print(f"share of the variance of the matrix that these genes have: {share:.4f}")
    results = {"phase genes": int(follows.sum()), "share": float(share)}

    def measure(name: str, codes: np.ndarray) -> None:
        table = pd.DataFrame(codes, obs.index, [f"z{i + 1}" for i in range(codes.shape[1])])
        row = explain_factors(table, factors, train, test)
        row = row[["r2_linear", "r2_neighbours", "r2_feature"]].mean().round(3).to_dict()
        results[name] = row
        print(f"{name:46}" + "".join(f"{key} {value:6.3f}  " for key, value in row.items()))

    scaled = (X - X[train].mean(axis=0)) / np.maximum(X[train].std(axis=0), 1e-6)
    measure("told: all genes, ridge", scaled)
    measure("told: phase genes, ridge and neighbours", scaled[:, follows])
    grid = {"alpha": [0.01, 0.1, 1], "gamma": (np.array([0.1, 0.3, 1]) / follows.sum()).tolist()}
    kernel = GridSearchCV(KernelRidge(kernel="rbf"), grid, cv=5)
    kernel.fit(scaled[train][:, follows], factors[train].to_numpy())
    predicted = kernel.predict(scaled[test][:, follows])
    of_kernel = float(explained(factors[test].to_numpy(), predicted).mean())
    results["told: phase genes, kernel ridge"] = of_kernel
    print(f"{'told: phase genes, kernel ridge':46}r2 {of_kernel:.3f}")

    inputs = make_inputs(genes)
    rows = [Rows(X[part], inputs) for part in (train, test)]
    settings = [("pca", {"latent_dim": k}) for k in COMPONENTS if k < min(train.sum(), len(genes))]
    settings += [
        ("circular", {"latent_dim": arguments.latent_dim, "components_before": before})
        for before in arguments.before
    ]
    for module, values in settings:
        model = make_model(module, inputs, values)
        list(model.fit(*rows, seed=1))
        name = f"{module}, {', '.join(f'{key} {value}' for key, value in values.items())}"
        measure(name, model.encode(X))
        if module == "circular":
            on_curve = model.fitted.curves[0].any(axis=0)
            results[name] |= {"genes": int(on_curve.sum())}
            results[name] |= {"of them with phase": int((on_curve & follows).sum())}
            print(f"  {on_curve.sum()} genes, {(on_curve & follows).sum()} of them with phase")
    print(json.dumps(results))


if __name__ == "__main__":
    main()
