"""A small finished study as files: two groups of samples that one feature of one model tells."""

from pathlib import Path

import numpy as np
import pandas as pd

from tybalt.analysis.columns import COLUMNS
from tybalt.analysis.control_rows import with_controls
from tybalt.analysis.testable import COLUMNS as TESTABLE
from tybalt.data.matrix import write_matrix
from tybalt.data.samples import write_samples
from tybalt.jobs.files import read_table, write_json, write_table
from tybalt.plan.projections import COLUMNS as COLUMNS_OF_PROJECTION
from tybalt.training.bundle import Bundle, feature_names, save_bundle

EXPERIMENTS = [["vae", "grid"], ["pca", "none"]]
GENES = ["XIST", "KRT5", *(f"GENE{i}" for i in range(18))]
#: The parts that columns play.
ROLES = {"group": "patient", "label": "cancer_type", "strata": ["cancer_type"]}

SAMPLES = 240

#: Of the raw values of every gene: 0 to 16, so that x = raw / 16.
RANGE = 16.0


def make_study(folder: Path, seed: int = 0) -> dict:
    """Write the files of a dataset `toy` and return them by name, as the rules give them.

    The types AAA and BBB differ by 1 in z1 of both models (standard deviation 0.2) and by half the
    range in XIST; KRT5 varies whatever the type, the other genes are nearly noise.
    """
    rng = np.random.default_rng(seed)
    types = np.where(np.arange(SAMPLES) % 3 == 0, "BBB", "AAA")
    obs = pd.DataFrame(
        {
            "patient": [f"P{i}" for i in range(SAMPLES)],
            "cancer_type": types,
            "sex": rng.choice(["female", "male", None], SAMPLES, p=[0.5, 0.4, 0.1]),
            "age": np.where(rng.random(SAMPLES) < 0.1, np.nan, rng.integers(30, 90, SAMPLES)),
            "split": np.tile(["train", "train", "train", "validation", "test"], SAMPLES // 5),
        },
        index=pd.Index([f"S-{i:04d}" for i in range(SAMPLES)], name="sample"),
    )
    X = 0.25 + 0.1 * rng.random((SAMPLES, len(GENES)), "float32")
    X[:, 0] += np.where(types == "BBB", 0.5, 0).astype("float32")
    X[:, 1] = 0.8 * rng.random(SAMPLES, "float32")
    train = X[(obs["split"] == "train").to_numpy()] * RANGE
    var = pd.DataFrame(
        {
            "mean": train.mean(axis=0, dtype="float64"),
            "minimum": 0.0,
            "maximum": RANGE,
            "offset": 0.0,
            "scale": RANGE,
        },
        index=pd.Index(GENES, name="gene"),
    )
    notes = {"scaling": "zero_one", "clipped_share": 0.0, "counts": {"chosen_genes": len(GENES)}}
    notes["caveats"] = ["table.tsv: 3 cells are <missing>."]
    matrix = folder / "matrix.h5ad"
    write_matrix(str(matrix), X, obs, var, notes)
    samples = folder / "samples.tsv"
    write_samples(obs, str(samples))
    files = {"matrix": str(matrix), "samples": str(samples), "obs": obs, "X": X, "var": var}
    names = ("encoding.tsv.gz", "embedding.tsv", "gene_weights.tsv.gz", "associations.tsv")
    names += ("findings.tsv", "best.json", "trials.tsv", "model.provenance.json", "model.zip")
    files |= {
        name: [str(folder / experiment[0] / name) for experiment in EXPERIMENTS] for name in names
    }
    files["gene_embedding"] = str(folder / "gene_embedding.tsv")
    write_table(positions(obs, rng), files["gene_embedding"])
    for number, (model, tuner) in enumerate(EXPERIMENTS):
        (folder / model).mkdir()
        codes = rng.normal(0, 0.2, (SAMPLES, 3)).astype("float32")
        codes[:, 0] += types == "BBB"
        table = pd.DataFrame(codes, columns=feature_names(3))
        table.insert(0, "sample", list(obs.index))
        write_table(table, files["encoding.tsv.gz"][number])
        write_table(positions(obs, rng), files["embedding.tsv"][number])
        weights = pd.DataFrame(rng.normal(size=(len(GENES), 3)), columns=feature_names(3))
        weights.loc[0, "z1"] = 9
        weights.insert(0, "gene", GENES)
        write_table(weights, files["gene_weights.tsv.gz"][number])
        write_table(associations(), files["associations.tsv"][number])
        write_table(findings(), files["findings.tsv"][number])
        searched = {"kappa": [0.1, 1.0]} if tuner == "grid" else {}
        write_table(ranking(searched), files["trials.tsv"][number])
        hyperparameters = {"kappa": 0.1} if searched else {"latent_dim": 3}
        write_json({"hyperparameters": hyperparameters}, files["best.json"][number])
        write_json(provenance("2.0" if number else "1.0"), files["model.provenance.json"][number])
    files["projections"] = new_samples(folder, obs)
    files["columns"] = str(folder / "columns.tsv")
    write_table(columns(), files["columns"])
    files["testable"] = str(folder / "testable.tsv")
    write_table(testable(), files["testable"])
    files["maps"] = str(folder / "embedding_quality.tsv")
    write_table(maps(), files["maps"])
    files["leaderboard"] = str(folder / "leaderboard.tsv")
    write_table(leaderboard(), files["leaderboard"])
    return files


def new_samples(folder: Path, obs: pd.DataFrame) -> list[str]:
    """Write the table and the codes of 12 new samples, between the clouds of `vae`'s embedding."""
    names = [f"N-{i:02d}" for i in range(12)]
    table = pd.DataFrame({"sample": names}).assign(
        tsne_1=np.linspace(-4, 4, 12), tsne_2=20.0, nearest_sample=obs.index[0], distance=1.0,
        nearest_label="AAA", distance_rank=np.linspace(0, 1, 12), mse=0.01, error_rank=0.5,
        far=["yes", "yes", *["no"] * 10], outside=0.0, filled=0.1,
        predicted_label=[None, *["BBB"] * 11], confidence=[0.6, *[0.9] * 11],
        doubts=["far from all training samples", *[None] * 11],
        therapy=["none", "drug"] * 6, **{"carried:response": range(12)},
    )  # fmt: skip
    table = table[[*COLUMNS_OF_PROJECTION, "therapy", "carried:response"]]
    codes = pd.DataFrame(np.arange(36.0).reshape(12, 3), columns=feature_names(3))
    codes.insert(0, "sample", names)
    paths = [str(folder / "projection.tsv"), str(folder / "projected_encoding.tsv.gz")]
    for each, path in zip((table, codes), paths, strict=True):
        write_table(each, path)
    return paths


def columns() -> pd.DataFrame:
    """Say of the columns what `describe_columns` would."""
    rows = [
        ("cancer_type", "label", "two values", 240, 0, "", "", 2),
        ("stage", "", "ordered", 200, 40, "", "3: Stage X, odd", 1),
        ("mutation_burden", "", "numbers", 100, 140, "", "", 1),
        ("my_column", "", "carried", 240, 0, "", "", 0),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def testable() -> pd.DataFrame:
    """Say of the contrasts what `count_testable` would."""
    few = "4 positive test patients, fewer than 10"
    rows = [
        (0.2, "yes", "first", "yes", "yes", ""),
        (0.2, "yes", "rare", "yes", "no", few),
        (0.3, "no", "first", "yes", "yes", ""),
        (0.3, "no", "rare", "yes", "yes", ""),
    ]
    return pd.DataFrame(rows, columns=TESTABLE)


#: Blocks of `make_blocks`, with their features; samples that have nothing of the second.
BLOCKS = {"rna": GENES[:12], "methylation": [f"m:{name}" for name in GENES[12:]]}
LACKING = slice(None, None, 7)


def make_blocks(folder: Path) -> dict:
    """Make the study of two blocks: `vae` sees both, `pca` sees methylation alone.

    One sample in seven has no methylation, so `pca` has no code of it. Methylation is not scaled.
    """
    files = make_study(folder)
    names = [name for block in BLOCKS.values() for name in block]
    var = files["var"].set_axis(pd.Index(names, name="gene"))
    var["block"] = [block for block, mine in BLOCKS.items() for _ in mine]
    second = (var["block"] == "methylation").to_numpy()
    var.loc[second, ["mean", "maximum"]] /= RANGE
    var.loc[second, "scale"] = 1.0
    observed = np.ones(files["X"].shape, bool)
    observed[LACKING, 12:] = False
    typical = ((var["mean"] - var["offset"]) / var["scale"]).to_numpy("float32")
    X = np.where(observed, files["X"], typical)
    write_matrix(files["matrix"], X, files["obs"], var, BLOCK_NOTES, observed)
    for name in ("encoding.tsv.gz", "embedding.tsv"):
        table = read_table(files[name][1])
        write_table(table[observed[:, 12]], files[name][1])
    for number, chosen in enumerate([slice(None), slice(12, None)]):
        path = files["gene_weights.tsv.gz"][number]
        write_table(read_table(path).assign(gene=names).iloc[chosen], path)
    return files | {"X": X, "var": var, "observed": observed}


def positions(obs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Two clouds, 10 apart, in both maps."""
    middle = np.where(obs["cancer_type"] == "BBB", 5.0, -5.0)[:, None]
    places = middle + rng.normal(0, 1, (len(obs), 4))
    table = pd.DataFrame(places, columns=["tsne_1", "tsne_2", "pca_1", "pca_2"])
    table.insert(0, "sample", list(obs.index))
    return table


def associations() -> pd.DataFrame:
    table = findings()[["contrast", "named", "feature", "measure", "effect_train", "effect_test"]]
    return table.assign(rank=1)


def findings() -> pd.DataFrame:
    """One contrast that z1 answers, lower in positive samples; one untestable; one of numbers."""
    first = {"contrast": "type", "named": "yes", "feature": "z1", "measure": "auroc"}
    first |= {"effect_train": 0.02, "effect_test": 0.05, "effect_test_low": 0.01}
    first |= {"effect_test_high": 0.1, "verdict": "confirmed", "n_positive_test": 16}
    first |= {"separates": "yes", "comes_back": "yes", "genes_agree": "yes"}
    rare = {"contrast": "rare", "named": "yes", "feature": "z2", "measure": "auroc"}
    rare |= {"effect_train": 0.9, "effect_test": np.nan, "verdict": "not testable"}
    rare |= {"reason": "fewer than 10", "n_positive_test": 2}
    rare |= {"separates": "unknown", "comes_back": "no", "genes_agree": "no"}
    age = {"contrast": "age", "named": "no", "feature": "z3", "measure": "spearman"}
    age |= {"effect_train": -0.6, "effect_test": -0.5, "verdict": "confirmed", "gene_set": "AGED"}
    age |= {"separates": "yes", "comes_back": "yes", "genes_agree": "yes"}
    age |= {"gene_set_other_features": 2}
    same = {
        "description": "yes against no",
        "evaluated_on": "test",
        "n_test": 48,
        "genes": "XIST, KRT5",
    }
    stability = {"stability": [0.87, np.nan, 0.5], "stability_over_seeds": [0.91, np.nan, np.nan]}
    read = {"readout_test": [0.99, np.nan, 0.7], "readout_test_low": [0.97, np.nan, 0.6]}
    read |= {"readout_test_high": [1.0, np.nan, 0.8], "read_from": ["one feature", None, None]}
    return pd.DataFrame([first, rare, age]).assign(**same, **stability, **read)


def maps() -> pd.DataFrame:
    """What the maps keep: those of both experiments, and of the genes one more than they have."""
    rows = [(of, kind) for of in ("genes", "vae/grid", "pca/none") for kind in ("tsne", "pca")]
    rows += [("genes", "umap")]
    table = pd.DataFrame(rows, columns=["of", "method"])
    measured = {"trustworthiness": 0.98, "kept_10": 0.42, "kept_50": 0.55, "label_accuracy": 1.0}
    return table.assign(**measured, purity=0.91)


def ranking(searched: dict) -> pd.DataFrame:
    rows = len(next(iter(searched.values()), [0]))
    table = pd.DataFrame({"rank": range(1, rows + 1), **searched})
    tied = ["yes"] * rows if rows > 1 else ["not tested"]
    return table.assign(round="r0", trial="t", status="ok", warnings=None, tied=tied)


def leaderboard() -> pd.DataFrame:
    models = pd.DataFrame(
        {
            "model": ["pca", "vae"],
            "tuner": ["none", "grid"],
            "module": ["pca", "vae"],
            "evaluated_on": "test",
            "explained": [0.7, 0.61234],
            "knn_accuracy": [0.5, 0.9],
            "knn_low": [0.4, 0.8],
            "knn_high": [0.6, 1.0],
            "parameters": [1000, 2000],
            "epochs": [1, 40],
            "trainings": [1, 4],
            "mark": ["", ""],
            "warnings": ["", "2 of 3 features are dead"],
            "limits": ["", "its kappa 0.1 is the smallest of the 2 that were tried"],
        }
    )
    floor = {"evaluated_on": "test", "explained": 0.0}
    return with_controls(models, "explain", {"mean sample": floor})


def provenance(numpy_version: str) -> dict:
    return {
        "started": "2026-01-02T03:04:05+0000",
        "machine": "Linux x86_64, 2 cores",
        "python": "3.11.7",
        "packages": {"numpy": numpy_version, "keras": "3"},
        "git_commit": None,
    }


#: What `pca_bundle` says of its model.
NOTES = {"scaling": {"expression": "zero_one"}}
BLOCK_NOTES = {
    "scaling": {"rna": "zero_one", "methylation": "none"},
    "clipped_share": 0.0,
    "counts": {"chosen_genes": len(GENES)},
}


def pca_of_blocks(files: dict, path: str, blocks: list[str]) -> None:
    """Fit principal components to some blocks of the training samples; save them as a model."""
    from tybalt.training.model import make_model
    from tybalt.training.rows import Rows, make_inputs

    genes = files["var"][files["var"]["block"].isin(blocks)]
    seen = files["observed"][:, files["var"]["block"].isin(blocks)].any(axis=1)
    is_train = (files["obs"]["split"] == "train").to_numpy() & seen
    train = files["X"][is_train][:, files["var"]["block"].isin(blocks)]
    inputs = make_inputs(genes.index, {name: len(BLOCKS[name]) for name in blocks})
    model = make_model("pca", inputs, {"latent_dim": 3})
    list(model.fit(Rows(train, inputs), Rows(train, inputs), 1))
    codes = pd.DataFrame(model.encode(train), files["obs"].index[is_train], feature_names(3))
    columns = ["block", "offset", "scale", "minimum", "maximum", "mean"]
    notes = {"scaling": BLOCK_NOTES["scaling"]}
    save_bundle(Bundle("pca", model, genes[columns], codes, notes), path)


def pca_bundle(files: dict, path: str, components: int = 3) -> None:
    """Fit principal components to the training samples and save them as a model."""
    from tybalt.training.model import make_model
    from tybalt.training.rows import Rows, make_inputs

    train = files["X"][(files["obs"]["split"] == "train").to_numpy()]
    inputs = make_inputs(GENES)
    autoencoder = make_model("pca", inputs, {"latent_dim": components})
    list(autoencoder.fit(Rows(train, inputs), Rows(train, inputs), 1))
    samples = files["obs"].index[files["obs"]["split"] == "train"]
    codes = pd.DataFrame(autoencoder.encode(train), samples, feature_names(components))
    genes = files["var"].assign(block="expression")[
        ["block", "offset", "scale", "minimum", "maximum", "mean"]
    ]
    save_bundle(Bundle("pca", autoencoder, genes, codes, NOTES), path)
