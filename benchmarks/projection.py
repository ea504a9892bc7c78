"""Project real cohorts of kinds that a model knows, and of kinds that it does not.

    TYBALT_REAL_DATA=folder python benchmarks/projection.py [--models pca vae] [--small]

The folder holds tcga/HiSeqV2_subset.gz (350 samples of six cancer types), tcga/HiSeqV2_paired11.gz
(ten other types and one of the six, 3,556 genes) and tcga/clinical_all.tsv. Models of 60 features
are trained on the six types, on five of them, and on 250 of the 350 samples; then the samples of
other types, of the type left out, and the other 100 are projected. The last table hides genes of
held-out samples. The last line is all of it as JSON.
"""

import argparse
import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from tybalt.analysis.missing_genes import cost_of_missing, hide_and_fill  # noqa: E402
from tybalt.analysis.projection import project_samples  # noqa: E402
from tybalt.data.matrix import read_notes, read_var  # noqa: E402
from tybalt.data.preprocess import preprocess_expression  # noqa: E402
from tybalt.data.samples import read_samples  # noqa: E402
from tybalt.jobs.files import read_json, read_table, write_table  # noqa: E402
from tybalt.training.bundle import Bundle, feature_names, load_bundle, save_bundle  # noqa: E402
from tybalt.training.model import make_model  # noqa: E402
from tybalt.training.rows import read_seen  # noqa: E402

ROLES = {"group": "patient", "label": "cancer_type", "strata": ["cancer_type", "sample_type"]}
FEATURES, EPOCHS, SEED = 60, 60, 1
HOW = {"duplicates": "drop", "missing": "mean", "transform": "none", "prefix": ""}


class Trained(NamedTuple):
    """Files of a trained model."""

    model: str
    matrix: str
    samples: str
    embedding: str


def main() -> None:
    """Train, project and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["pca", "vae"])
    parser.add_argument("--small", action="store_true", help="one model of five types alone")
    arguments = parser.parse_args()
    data = os.environ.get("TYBALT_REAL_DATA")
    if not data:
        sys.exit("TYBALT_REAL_DATA: not set; expected the folder that holds tcga/HiSeqV2_subset.gz")
    logging.disable(logging.WARNING)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        study = Study(Path(data) / "tcga", Path(folder))
        for module in arguments.models:
            rows += [{"model": module, **row} for row in study.cohorts(module, arguments.small)]
        print(pd.DataFrame(rows).round(2).to_string(index=False))
        hidden = [] if arguments.small else study.hidden_genes(arguments.models)
        if hidden:
            print(pd.DataFrame(hidden).round(3).to_string(index=False))
    print(json.dumps({"cohorts": rows, "hidden": hidden}))


class Study:
    """The real samples, and the models that are trained on parts of them."""

    def __init__(self, data: Path, folder: Path):
        self.folder = folder
        self.clinical = str(data / "clinical_all.tsv")
        self.known = read_matrix(data / "HiSeqV2_subset.gz")
        self.others = read_matrix(data / "HiSeqV2_paired11.gz")
        types = pd.read_csv(self.clinical, sep="\t", index_col="sample_id")["acronym"]
        self.types = types[~types.index.duplicated()]

    def cohorts(self, module: str, small: bool = False) -> Iterator[dict[str, Any]]:
        """Project what a model knows and what it does not: a row for each cohort."""
        for left_out in ["UVM"] if small else ["UVM", "STAD", "DLBC"]:
            is_out = (self.types.reindex(self.known.columns) == left_out).to_numpy()
            trained = self.train(module, self.known.loc[:, ~is_out], 5000)
            yield self.project(trained, self.known.loc[:, is_out], f"{left_out}, left out", "no")
        for draw in range(1 if small else 3):
            drawn = np.random.default_rng(draw).permutation(self.known.shape[1])
            new, known = self.known.iloc[:, drawn[:100]], self.known.iloc[:, drawn[100:]]
            trained = self.train(module, known, 5000)
            yield self.project(trained, new.iloc[:, :50], f"50 of all types, draw {draw}", "yes")
            for name, chosen in self.by_type(new):
                yield self.project(trained, chosen, f"{name}, draw {draw}", "yes")
        if small:
            return
        shared = self.known.index[self.known.index.isin(self.others.index)]
        trained = self.train(module, self.known.loc[shared], 2000)
        tumours = self.others.loc[:, self.others.columns.str[13:15] == "01"]
        for name, chosen in self.by_type(tumours):
            seen = "yes, another run" if name == "STAD" else "no"
            yield self.project(trained, chosen, f"{name}, other files", seen)

    def by_type(self, table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
        """Give the samples of each cancer type with at least 10 of them."""
        of = self.types.reindex(table.columns)
        for name, count in of.value_counts().sort_index().items():
            if count >= 10:
                yield name, table.loc[:, (of == name).to_numpy()]

    def train(self, module: str, table: pd.DataFrame, n_genes: int) -> Trained:
        """Prepare a matrix as the workflow does, and train a model on it."""
        files = Trained(
            *(str(self.folder / name) for name in ("m.zip", "m.h5ad", "s.tsv", "e.tsv"))
        )
        self.prepare(table, n_genes, files)
        rows, samples = read_seen(files.matrix, None), read_samples(files.samples, ROLES)
        train = rows.only(samples.is_train)
        hp = {"latent_dim": FEATURES}
        hp |= {} if module == "pca" else {"epochs": EPOCHS, "batch_size": 25}
        model = make_model(module, rows.inputs, hp, SEED)
        list(model.fit(train, rows.only(samples.split == "validation"), SEED))
        genes = read_var(files.matrix)
        genes = genes[["block", "offset", "scale", "minimum", "maximum", "mean"]]
        codes = model.encode(train.X)
        known = pd.DataFrame(codes, train.names, feature_names(codes.shape[1]))
        notes = {"scaling": read_notes(files.matrix)["scaling"]}
        notes["scaling"] = {"expression": notes["scaling"]}
        save_bundle(Bundle(module, model, genes, known, notes), files.model)
        # Two features stand for an embedding: nothing here depends on places.
        places = pd.DataFrame(model.encode(rows.X)[:, :2], columns=["tsne_1", "tsne_2"])
        places.insert(0, "sample", list(rows.names))
        write_table(places, files.embedding)
        return files

    def prepare(self, table: pd.DataFrame, n_genes: int, files: Trained) -> None:
        """Write the matrix and samples.tsv of some of the known samples."""
        path = write(table, self.folder / "known.tsv")
        features = {"count": n_genes, "rank_by": "mean_absolute_deviation", "rank_on": "train"}
        features |= {"duplicates": "drop", "missing": "mean"}
        block = {"features": features, "scaling": {"method": "zero_one", "fit_on": "train"}}
        block |= {"prefix": "", "transform": "none"}
        columns = {"sample": "sample_id", "cancer_type": "acronym"}
        settings = {"blocks": {"expression": block}, "rows": "all", "minimum_overlap": 0.1}
        settings |= {"split": {"method": "stratified", "validation": 0.1, "test": 0.2}}
        settings |= {"clinical": {"columns": columns, "barcodes": "tcga", "carry": False}}
        preprocess_expression(
            path, self.clinical, files.matrix, files.samples, {**settings, "roles": ROLES}, SEED
        )

    def project(
        self, trained: Trained, table: pd.DataFrame, name: str, known: str
    ) -> dict[str, Any]:
        """Project samples with `project_samples`, and say what it says of them."""
        path = write(table, self.folder / "new.tsv")
        written = [str(self.folder / each) for each in ("p.tsv", "c.tsv.gz", "d.json")]
        project_samples(
            expression=path,
            clinical=[],
            **trained._asdict(),
            options={
                "blocks": {"expression": HOW},
                "rows": "all",
                "clinical": None,
                "target": "real",
                "roles": ROLES,
            },
            seed=SEED,
            **dict(zip(("projection", "projected_encoding", "diagnostics"), written, strict=True)),
            threads=1,
        )
        found, record = read_table(written[0], index="sample"), read_json(written[2])
        given = found["predicted_label"].notna()
        right = found["predicted_label"] == self.types.reindex(found.index)
        cohort = record["cohort"]
        warned = any(line.startswith("as a cohort") for line in record["warnings"])
        return {
            "new samples": name,
            "known": known,
            "n": len(found),
            "distance": cohort["distance_rank"],
            "limit": cohort["distance_rank_limit"],
            "error": cohort["error_rank"],
            "error limit": cohort["error_rank_limit"],
            "cohort": "far" if warned else "",
            "far": float((found["far"] == "yes").mean()),
            "label given": float(given.mean()),
            "of these right": float(right[given].mean()) if given.any() else None,
        }

    def hidden_genes(self, modules: list[str]) -> list[dict[str, Any]]:
        """Hide genes of held-out samples: error of the code, with means and filled in."""
        rows = []
        for module in modules:
            trained = self.train(module, self.known, 5000)
            bundle, seen = load_bundle(trained.model), read_seen(trained.matrix, None)
            held_out = seen.only(~read_samples(trained.samples, ROLES).is_train)
            for count in (78, 500, 1500, 2500):
                found = np.ones(len(bundle.genes), bool)
                found[np.random.default_rng(count).choice(len(found), count, replace=False)] = False
                hidden = hide_and_fill(bundle, held_out.X, found)
                left = np.broadcast_to(found, hidden.shape)
                cost = cost_of_missing(bundle, held_out, hidden, left)
                rows.append({"model": module, "genes hidden": count, **cost})
        return rows


def read_matrix(path: Path) -> pd.DataFrame:
    """Read genes x samples; a gene that stands twice is left out."""
    table = pd.read_csv(path, sep="\t", index_col=0)
    return table[~table.index.duplicated(keep=False)]


def write(table: pd.DataFrame, path: Path) -> str:
    """Write genes x samples as users have them."""
    table.rename_axis("sample").to_csv(path, sep="\t", na_rep="NA")
    return str(path)


if __name__ == "__main__":
    main()
