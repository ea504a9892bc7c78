"""Compare a simulated cohort with real TCGA samples of the same cancer types, in one figure.

    TYBALT_REAL_DATA=folder python benchmarks/compare_simulated.py [--figure comparison.png]

The folder holds tcga/HiSeqV2_subset.gz and tcga/clinical_subset.tsv. A cohort of the same cancer
types, size and genes is simulated; the figure shows mean, deviation and zeros of every gene, the
correlation between samples and the variance of the top principal components. The last line is
the same in numbers, as JSON.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from tybalt.data.simulation.cohort import simulate_cohort  # noqa: E402

TABLES = (
    "cohorts.tsv",
    "gene_statistics.tsv.gz",
    "marker_genes.tsv",
    "driver_mutations.tsv",
    "copy_number_events.tsv",
)
OUTPUTS = ("expression", "clinical", "mutations", "copy_number")
N_COMPONENTS = 30
N_VARIABLE = 5000
REAL, SIMULATED = "#444444", "#d95f02"


def main() -> None:
    """Simulate, compare, draw and print."""
    arguments = _arguments()
    folder = os.environ.get("TYBALT_REAL_DATA")
    if not folder:
        sys.exit("TYBALT_REAL_DATA: not set; expected the folder that holds tcga/HiSeqV2_subset.gz")
    real = _read_expression(Path(folder) / "tcga" / "HiSeqV2_subset.gz")
    clinical = pd.read_csv(Path(folder) / "tcga" / "clinical_subset.tsv", sep="\t", index_col=0)
    kinds = clinical.loc[real.columns, "acronym"] + real.columns.str[12:15]
    simulated = _simulate(kinds, len(real), arguments.seed)
    # The doubled gene has one name on two rows; the order of rows is the same in both.
    both = {name: _describe(table, kinds) for name, table in (("real", real), ("sim", simulated))}
    _draw(both["real"], both["sim"], arguments.figure)
    print(json.dumps(_numbers(both["real"], both["sim"])))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", default="compare_simulated.png")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _read_expression(path: Path) -> pd.DataFrame:
    """Read genes x samples, missing = 0."""
    return pd.read_csv(path, sep="\t", index_col=0).fillna(0).astype(np.float32)


def _simulate(kinds: pd.Series, n_genes: int, seed: int) -> pd.DataFrame:
    """Simulate the cancer types in their full size; take as many samples of each kind as wanted."""
    cohorts = pd.read_csv(ROOT / "resources" / "cohorts.tsv", sep="\t", index_col=0)
    types = sorted(set(kinds.str[:-3]))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        tables = [str(ROOT / "resources" / file) for file in TABLES]
        size = {
            "samples": int(cohorts.loc[types, "n_samples"].sum()),
            "genes": n_genes,
            "cancer_types": types,
        }
        outputs = {name: str(out / f"{name}.gz") for name in OUTPUTS}
        outputs["planted_factors"] = str(out / "planted_factors.h5ad")
        simulate_cohort(tables, size, seed, 2, **outputs)
        obs = anndata.read_h5ad(out / "planted_factors.h5ad").obs
        expression = _read_expression(out / "expression.gz")
    simulated = obs["cancer_type"].astype(str) + obs.index.str[12:15]
    wanted = kinds.groupby(kinds).cumcount().astype(str) + kinds
    offered = simulated.groupby(simulated).cumcount().astype(str) + simulated
    return expression[offered.index[pd.Index(offered).get_indexer(wanted)]]


def _describe(table: pd.DataFrame, kinds: pd.Series) -> dict:
    values = table.to_numpy()
    mean, sd = values.mean(axis=1), values.std(axis=1)
    deviation = np.abs(values - mean[:, None]).mean(axis=1)
    top = values[np.argsort(-deviation)[:N_VARIABLE]]
    scaled = ((top - top.min(axis=1, keepdims=True)) / np.ptp(top, axis=1, keepdims=True)).T
    correlation = np.corrcoef(values.T)
    types = kinds.str[:-3].to_numpy()
    same = types[:, None] == types
    above = np.triu_indices(len(types), k=1)
    return {
        "mean": mean,
        "sd": sd,
        "deviation": deviation,
        "zeros": (values == 0).mean(axis=1),
        "within": correlation[above][same[above]],
        "between": correlation[above][~same[above]],
        "components": PCA(N_COMPONENTS, random_state=0).fit(scaled).explained_variance_ratio_,
        "within_components": _within_components(scaled, types),
        "knn": _knn(scaled, types),
        "type_share": _type_share(values, types),
    }


def _within_components(scaled: np.ndarray, types: np.ndarray) -> np.ndarray:
    """Shares of variance after the mean of each cancer type is taken away."""
    means = pd.DataFrame(scaled).groupby(types).transform("mean").to_numpy()
    return PCA(N_COMPONENTS, random_state=0).fit(scaled - means).explained_variance_ratio_


def _knn(scaled: np.ndarray, types: np.ndarray) -> float:
    return float((cross_val_predict(KNeighborsClassifier(5), scaled, types, cv=5) == types).mean())


def _type_share(values: np.ndarray, types: np.ndarray) -> np.ndarray:
    """Share of each gene's variance that lies between cancer types (NaN for constant genes)."""
    within = values.T - pd.DataFrame(values.T).groupby(types).transform("mean").to_numpy()
    total = values.var(axis=1)
    share = np.full(len(values), np.nan)
    share[total > 0] = 1 - within.var(axis=0)[total > 0] / total[total > 0]
    return share


def _numbers(real: dict, simulated: dict) -> dict:
    def rounded(function, key: str) -> list[float]:
        return [round(float(function(part[key])), 4) for part in (real, simulated)]

    return {
        "mean_correlation": round(float(np.corrcoef(real["mean"], simulated["mean"])[0, 1]), 4),
        "sd_correlation": round(float(np.corrcoef(real["sd"], simulated["sd"])[0, 1]), 4),
        "median_sd": rounded(np.median, "sd"),
        "zero_share": rounded(np.mean, "zeros"),
        "correlation_within_type": rounded(np.median, "within"),
        "correlation_between_types": rounded(np.median, "between"),
        "variance_of_10_components": rounded(lambda x: x[:10].sum(), "components"),
        "variance_of_10_within_types": rounded(lambda x: x[:10].sum(), "within_components"),
        "type_share": rounded(np.nanmedian, "type_share"),
        "knn_accuracy": rounded(float, "knn"),
    }


def _draw(real: dict, simulated: dict, path: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(13, 8), layout="constrained")
    for ax, key, unit in (
        (axes[0, 0], "mean", "mean, log2(count + 1)"),
        (axes[0, 1], "sd", "standard deviation, log2"),
        (axes[0, 2], "zeros", "share of zeros"),
    ):
        ax.scatter(real[key], simulated[key], s=2, alpha=0.15, color=SIMULATED, rasterized=True)
        top = max(real[key].max(), simulated[key].max())
        ax.plot([0, top], [0, top], color=REAL, linewidth=1)
        ax.set(title=f"{unit}, per gene", xlabel="real", ylabel="simulated")
    bins = np.linspace(0.5, 1, 101)
    for part, color, name in ((real, REAL, "real"), (simulated, SIMULATED, "simulated")):
        for key, style in (("within", "-"), ("between", "--")):
            axes[1, 0].hist(
                part[key], bins, histtype="step", density=True, color=color, linestyle=style,
                label=f"{name}, {key} cancer types",
            )  # fmt: skip
        number = np.arange(1, N_COMPONENTS + 1)
        axes[1, 1].plot(number, part["components"], color=color, marker=".", label=name)
        axes[1, 1].plot(number, part["within_components"], color=color, linestyle="--",
                        label=f"{name}, types' means removed")  # fmt: skip
        axes[1, 2].hist(
            part["type_share"], np.linspace(0, 1, 51), histtype="step", color=color, label=name
        )
    axes[1, 0].set(title="correlation of two samples, all genes", xlabel="Pearson r")
    axes[1, 1].set(title=f"principal components, top {N_VARIABLE:,} genes", yscale="log",
                   xlabel="component", ylabel="share of variance")  # fmt: skip
    axes[1, 2].set(title="variance between cancer types, per gene", xlabel="share")
    for ax in axes[1]:
        ax.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
