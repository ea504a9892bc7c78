"""Every figure on small tables: the same bytes again, and the right things in the right colours."""

import ast
import gzip
import inspect
import itertools
import re
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgba
from matplotlib.text import Text
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from tybalt.analysis import (
    associations,
    findings,
    gene_differences,
    gene_set_enrichment,
    numbers,
    readouts,
)
from tybalt.analysis import feature_pairs as pairs
from tybalt.data.known_columns import read_known_columns
from tybalt.data.matrix import write_matrix
from tybalt.data.samples import read_samples, write_samples
from tybalt.figures import palette, style
from tybalt.figures import plot_encoding as heat_map
from tybalt.figures import plot_reconstruction as errors
from tybalt.figures.plot_agreement import plot_agreement
from tybalt.figures.plot_contrast import plot_contrast
from tybalt.figures.plot_curves import plot_curves
from tybalt.figures.plot_embedding import plot_embedding
from tybalt.figures.plot_embedding_quality import plot_embedding_quality
from tybalt.figures.plot_encoding import plot_encoding
from tybalt.figures.plot_findings import plot_findings
from tybalt.figures.plot_gene_embedding import plot_gene_embedding
from tybalt.figures.plot_genes import plot_genes
from tybalt.figures.plot_history import plot_history
from tybalt.figures.plot_importance import plot_importance
from tybalt.figures.plot_leaderboard import lower_is_better, measures_of, plot_leaderboard
from tybalt.figures.plot_matches import plot_matches
from tybalt.figures.plot_parallel import plot_parallel
from tybalt.figures.plot_planted_factors import plot_planted_factors
from tybalt.figures.plot_progress import plot_progress
from tybalt.figures.plot_projection import plot_projection
from tybalt.figures.plot_published import plot_published
from tybalt.figures.plot_published_curves import plot_published_curves
from tybalt.figures.plot_published_search import elbow, plot_published_search
from tybalt.figures.plot_reconstruction import plot_reconstruction
from tybalt.figures.plot_trials import plot_trials
from tybalt.jobs.files import write_json, write_table
from tybalt.plan.errors import InputError
from tybalt.plan.objectives import OBJECTIVES
from tybalt.tuning.progress import best_of_random_orders, follow, measure_progress
from tybalt.tuning.ranking import choose, order

ROOT = Path(__file__).parents[2]
COLOURS = {"AAA": "#ED2891", "BBB": "#BBD642"}
#: What is known of the columns of TCGA, and the parts that they play.
COLUMNS = str(ROOT / "resources" / "tcga_columns.yaml")
ROLES = {"group": "patient", "label": "cancer_type", "strata": ["cancer_type", "sample_type"]}

SEX = {"covariate": "sex", "positive": ["male"], "within": "cancer_type"}
FIGURES = [
    plot_embedding,
    plot_gene_embedding,
    plot_history,
    plot_published,
    plot_trials,
    plot_parallel,
    plot_importance,
    plot_progress,
    plot_curves,
    plot_published_curves,
    plot_published_search,
    plot_agreement,
    plot_contrast,
    plot_genes,
    plot_findings,
    plot_encoding,
    plot_reconstruction,
    plot_leaderboard,
    plot_projection,
    plot_planted_factors,
    plot_embedding_quality,
    plot_matches,
]


def save(table, path):
    write_table(table, str(path))
    return str(path)


def make_obs(rng, n=160):
    """Types AAA and BBB of the cohort table, CCC outside it, and samples without a type."""
    cancer_type = rng.choice(["AAA", "BBB", "CCC", ""], n, p=[0.4, 0.35, 0.2, 0.05])
    male = rng.random(n) < 0.5
    return pd.DataFrame(
        {
            "patient": [f"p{i:03d}" for i in range(n)],
            "cancer_type": cancer_type,
            "sample_type": np.where(rng.random(n) < 0.2, "Solid Tissue Normal", "Primary Tumor"),
            "sex": np.where(rng.random(n) < 0.05, "", np.where(male, "male", "female")),
            "split": np.where(np.arange(n) < 0.7 * n, "train", "test"),
        },
        index=pd.Index([f"s{i:03d}" for i in range(n)], name="sample"),
    )


def make_codes(rng, obs):
    """z2 is lower in males, z3 helps only together with z2, z4 never varies."""
    male = (obs["sex"] == "male").to_numpy()
    noise = rng.normal(size=len(obs))
    codes = pd.DataFrame(rng.normal(size=(len(obs), 5)), obs.index, [f"z{i}" for i in range(1, 6)])
    codes["z2"] = -1.2 * male + noise + 0.1 * codes["z2"]
    codes["z3"] = noise + 0.1 * codes["z3"]
    codes["z4"] = 0.0
    return codes + 3.0 * (obs["cancer_type"] == "BBB").to_numpy()[:, None] * [1, 1, 1, 0, 0]


HISTORY = pd.DataFrame(
    {
        "epoch": range(1, 9),
        "loss": np.linspace(9, 2, 8),
        "reconstruction": np.linspace(8, 1.5, 8),
        "kl": np.linspace(3, 1, 8),
        "kl_weight": [0, 0.25, 0.5, 0.75, 1, 1, 1, 1],
        "eligible": [False] * 4 + [True] * 4,
        "active_units": [5, 5, 5, 4, 4, 4, 4, 4],
        "mean_sigma": np.linspace(1, 0.5, 8),
        "gradient_norm": np.geomspace(100, 0.1, 8),
        "l1": np.full(8, np.nan),
        "validation_reconstruction": np.linspace(8.5, 2, 8),
        "validation_kl": np.linspace(3, 1.2, 8),
        "validation_mse": np.linspace(0.04, 0.02, 8),
        "validation_bce": np.linspace(0.8, 0.5, 8),
        "score": [1.0, 9, 8, 7, 6, 5, 5.5, 6],  # the lowest is in the warm-up
        "best": [False] * 5 + [True, False, False],
    }
)


def make_trials():
    table = pd.DataFrame(
        {
            "depth": [1, 1, 0, 0, 1, 0],
            "hidden_dim": [100, 300, np.nan, np.nan, 100, np.nan],
            "learning_rate": [0.001, 0.001, 0.001, 0.002, 0.002, 0.1],
            "round": "r0",
            "trial": ["a1", "b2", "c3", "d4", "e5", "f6"],
            "mean": [10.0, 10.1, 10.2, 30.0, 40.0, np.nan],
            "sd": [1.0, 1.0, 1.0, 1.0, 1.0, np.nan],
            "n": 3,
            "status": ["ok"] * 5 + ["diverged"],
            "best_epoch": [7, 8, 9, 9, 9, np.nan],
            "parameters": [900, 1900, 500, 500, 900, 500],
            "cost": [9000, 19000, 5000, 5000, 9000, 5000],
            "configurations": 1,
            "seed": 1,
            "run_epochs": 10,
            "epochs_spent": 30,
            "warnings": ["", "too short", "", "too short", "unused features", ""],
        }
    )
    return choose(order(table))


def make_values():
    """A binary gene that is given back exactly, and one that is given back 0.1 too high."""
    true = np.tile([0.0, 1.0], 20)
    split = np.repeat(["train", "validation"], 20)
    one = pd.DataFrame({"sample": range(40), "split": split, "gene": "g1", "true": true})
    one["reconstructed"] = true
    return pd.concat([one, one.assign(gene="g1*g2", reconstructed=true + 0.1)])


def make_latent_trials():
    """A search over the latent dimension whose score falls most from 1 to 2."""
    table = make_trials().iloc[:4].drop(columns=["depth", "hidden_dim", "learning_rate"])
    table.insert(1, "latent_dim", [3, 2, 4, 1])
    table["mean"] = [1e-7, 2e-7, 3e-7, 1e-2]
    return table


def make_rounds():
    """Two rounds of an adaptive search: the second improves, one diverges, one slot is empty."""
    table = pd.DataFrame(
        {
            "learning_rate": [0.3, 0.1, 0.2, 0.4, np.nan],
            "round": ["r1", "r0", "r0", "r1", "r1"],
            "trial": ["s00", "s00", "s01", "s01", "s02"],
            "mean": [1.0, 2.0, 3.0, np.nan, np.nan],
            "sd": [0.1, 0.1, 0.1, np.nan, np.nan],
            "n": [2, 2, 2, 2, 0],
            "status": ["ok", "ok", "ok", "diverged", "empty"],
            "best_epoch": [5, 5, 5, np.nan, np.nan],
            "parameters": 10,
            "cost": 100,
            "configurations": 1,
            "seed": 1,
            "run_epochs": [20, 10, 10, 20, 0],
            "epochs_spent": [40, 20, 20, 33, 0],  # one diverged on its way
            "warnings": "",
        }
    )
    return choose(order(table))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Write the files of one small experiment; the keys are the arguments of the figures."""
    tmp_path = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(3)
    obs = make_obs(rng)
    codes = make_codes(rng, obs)
    sample = pd.Series(obs.index)
    genes = pd.Index([f"G{i}" for i in range(30)])
    samples = save_samples(obs, tmp_path / "all_samples.tsv")
    axes = ["tsne_1", "tsne_2", "pca_1", "pca_2"]
    embedding = pd.DataFrame(rng.normal(size=(len(obs), 4)), columns=axes)
    embedding.insert(0, "sample", sample)
    encoding = codes.reset_index()
    weights = pd.DataFrame(rng.normal(size=(30, 5)), columns=codes.columns)
    weights.loc[:2, "z2"] = -9.0
    weights.insert(0, "gene", genes)
    errors_of_genes = pd.DataFrame({"gene": genes, "mse_train": rng.random(30)})
    errors_of_genes["mse_test"] = np.arange(30) / 100
    errors_of_samples = obs.reset_index()[["sample", "split", "cancer_type"]]
    errors_of_samples = errors_of_samples.assign(mse=rng.random(len(obs)) / 50)
    leaderboard = pd.DataFrame(
        {
            "model": ["vae", "pca"],
            "tuner": ["grid", "none"],
            "module": ["vae", "pca"],
            "control": [None, "linear baseline"],
            "evaluated_on": "test",
            "warnings": ["3 of 5 features are not active", ""],
            "active_units": [2, 5],
            "mse_test": [0.02, 0.01],
            "knn_accuracy": [0.9, 0.8],
            "knn_low": [0.85, 0.7],
            "knn_high": [0.95, 0.9],
        }
    )
    importance = pd.DataFrame(
        {
            "hyperparameter": ["learning_rate", "depth"],
            "importance": [0.7, 0.2],
            "sd": [0.1, 0.05],
            "r2": 0.8,
            "settings": 40,
            "trainings": 20,
            "scale": "linear",
        }
    )
    new = embedding.rename(columns={"pca_1": "distance"}).head(20).drop(columns="pca_2")
    new["distance"] = new["distance"].abs()
    new["predicted_label"] = ["AAA", "BBB"] * 10
    new["far"] = ["yes", *["no"] * 19]
    distances = np.linspace(0, 3, 101).tolist()
    new["mse"] = new["distance"] / 50
    new.loc[new.index[:3], "predicted_label"] = None
    diagnostics = {"onto": "a/b/c", "held_out_distances": distances, "warnings": ["a few"]}
    diagnostics["held_out_errors"] = np.linspace(0, 0.05, 101).tolist()
    diagnostics["cohort"] = {"distance_rank": 0.9, "distance_rank_limit": 0.6}
    diagnostics["cohort"] |= {"error_rank": 0.5, "error_rank_limit": 0.7}
    write_json(diagnostics, str(tmp_path / "projection.json"))
    colours = pd.DataFrame({"acronym": list(COLOURS), "color": list(COLOURS.values())})
    files = {
        "samples": samples,
        "roles": ROLES,
        "label": "cancer_type",
        "columns": COLUMNS,
        "embedding": save(embedding, tmp_path / "embedding.tsv"),
        "encoding": save(encoding, tmp_path / "encoding.tsv.gz"),
        "colours": save(colours, tmp_path / "cohorts.tsv"),
        "history": save(HISTORY, tmp_path / "history.tsv"),
        "trials": save(make_trials(), tmp_path / "trials.tsv"),
        "importance": save(importance, tmp_path / "importance.tsv"),
        "progress": str(tmp_path / "progress.tsv"),
        "histories": [
            save(HISTORY, tmp_path / "deep.tsv"),
            save(HISTORY.iloc[:1], tmp_path / "one_step.tsv"),
        ],
        "experiments": [["deep", "grid"], ["pca", "none"]],
        "published_as": "latent",
        "values": save(make_values(), tmp_path / "values.tsv.gz"),
        "reconstruction_genes": save(errors_of_genes, tmp_path / "genes.tsv.gz"),
        "reconstruction_samples": save(errors_of_samples, tmp_path / "samples.tsv.gz"),
        "projection": save(new, tmp_path / "projection.tsv"),
        "diagnostics": str(tmp_path / "projection.json"),
        "leaderboard": save(leaderboard, tmp_path / "leaderboard.tsv"),
        "embedding_quality": save(make_qualities(), tmp_path / "embedding_quality.tsv"),
        "embedding_purity": save(make_purity(), tmp_path / "embedding_purity.tsv"),
        "matched_features": save(make_matches(), tmp_path / "matched_features.tsv"),
        "planted_factors": save(make_truth(), tmp_path / "planted_factors.tsv"),
        "gene_weights": save(weights, tmp_path / "gene_weights.tsv.gz"),
        "gene_sets": str(tmp_path / "gene_sets.tsv"),
        "gene_differences": str(tmp_path / "gene_differences.tsv"),
        "findings": str(tmp_path / "findings.tsv"),
        "published": str(ROOT / "resources" / "published.tsv"),
        "module": "vae",
        "n_genes": 5000,
        "title": "study · model · tuner",
        "objective": "elbo",
        "contrast": "sex",
        "definition": SEX,
    }
    gmt = tmp_path / "sets.gmt"
    gmt.write_text("FIRST\tours\t" + "\t".join(genes[:6]) + "\n")
    gene_set_enrichment.find_gene_sets(
        files["gene_weights"],
        [str(gmt)],
        str(tmp_path / "high_weight_genes.tsv"),
        files["gene_sets"],
    )
    write_matrix(str(tmp_path / "matrix.h5ad"), *expression_of(codes, genes, obs, rng), {})
    find(samples, files["encoding"], SEX, tmp_path)
    files |= pairs_of(samples, files["encoding"], tmp_path)
    searches = [
        save(make_trials(), tmp_path / "grid.tsv"),
        save(make_rounds(), tmp_path / "rounds.tsv"),
    ]
    measure_progress(searches, ["grid", "bayesian"], files["progress"])
    basics = str(ROOT / "resources" / "published_basics.tsv")
    own = {
        "plot_published_curves": {"published": basics},
        "plot_published_search": {
            "published": basics,
            "trials": save(make_latent_trials(), tmp_path / "latent.tsv"),
        },
    }
    return SimpleNamespace(
        own=own,
        files=files,
        obs=obs,
        codes=codes,
        embedding=embedding.set_index("sample"),
        path=tmp_path,
    )


def save_samples(obs, path):
    write_samples(obs, str(path))
    return str(path)


def roles_of(obs):
    """The roles that the columns of a table of samples play."""
    label = "cancer_type" if "cancer_type" in obs else None
    strata = [name for name in ("cancer_type", "sample_type") if name in obs]
    return {"group": "patient", "label": label, "strata": strata}


def find(samples, encoding, contrast, folder, roles=None):
    """Ask the contrast, and sum up in findings.tsv what was found."""
    paths = {name: str(folder / f"{name}.tsv") for name in ("associations", "contrasts")}
    no_tables = {"status": [], "mutation_burden": [], "driver_genes": ""}
    associations.associate_features(
        samples=samples,
        encoding=encoding,
        columns=COLUMNS,
        declared={"sex": contrast},
        roles=roles or ROLES,
        seed=0,
        **no_tables,
        **paths,
    )
    measured = str(folder / "gene_differences.tsv")
    read = str(folder / "readouts.tsv")
    readouts.measure_readouts(
        samples=samples,
        encoding=encoding,
        columns=COLUMNS,
        declared={"sex": contrast},
        roles=roles or ROLES,
        seed=0,
        readouts=read,
        **no_tables,
    )
    gene_differences.measure_gene_differences(
        samples=samples,
        matrix=str(folder / "matrix.h5ad"),
        associations=paths["associations"],
        high_weight_genes=str(folder / "high_weight_genes.tsv"),
        columns=COLUMNS,
        declared={"sex": contrast},
        roles=roles or ROLES,
        gene_differences=measured,
        **no_tables,
    )
    best = pd.read_csv(paths["associations"], sep="\t").query("rank == 1")
    refits = best[["contrast", "feature"]].assign(replicate=1, r=0.9, comes_back="yes")
    associations.list_findings(
        **paths,
        gene_differences=measured,
        gene_sets=str(folder / "gene_sets.tsv"),
        stability=[],
        refits=save(refits, folder / "refits.tsv"),
        readouts=read,
        findings=str(folder / "findings.tsv"),
    )


def expression_of(codes, genes, obs, rng):
    """Noise, but G0 and G1 fall with z2, as their weights say; G2 rises, against its weight."""
    X = rng.normal(size=(len(obs), len(genes)))
    X[:, :3] += codes["z2"].to_numpy()[:, None] * [-3, -3, 3]
    return X.astype("float32"), obs, pd.DataFrame(index=genes.rename("gene"))


def pairs_of(samples, encoding, folder, contrast=SEX, out="pairs"):
    """Find the pairs of features for what was found in a folder; return the two tables."""
    paths = {
        "feature_pairs": str(folder / f"{out}.tsv"),
        "pair_points": str(folder / f"{out}_points.tsv.gz"),
    }
    associations = str(folder / "associations.tsv")
    pairs.pair_features(samples, encoding, associations, {"sex": contrast}, ROLES, **paths)
    return paths


def make_qualities():
    rows = [("genes", "tsne"), ("genes", "pca"), ("vae/grid", "tsne")]
    table = pd.DataFrame(rows, columns=["of", "method"])
    shares = {"kept_10": [0.4, 0.1, 0.3], "kept_50": 0.5, "trustworthiness": 0.9}
    return table.assign(**shares, label_accuracy=[0.8, 0.2, np.nan], purity=0.5)


def make_purity():
    labels = pd.DataFrame({"label": ["AAA", "BBB"], "n": [30, 40], "purity": [1.0, 0.25]})
    return make_qualities()[["of", "method"]].merge(labels, how="cross")


def make_matches():
    """Two models share both features of the smaller, the third has nothing of either."""
    pairs = [("vae", "pca", [0.9, -0.7], 0.95), ("vae", "nmf", [0.1], 0.2)]
    pairs.append(("pca", "nmf", [0.0], 0.1))
    rows = [
        {"model_a": a, "model_b": b, "r": r, "svcca": svcca}
        for a, b, values, svcca in pairs
        for r in values
    ]
    return pd.DataFrame(rows).assign(tuner_a="none", tuner_b="none")


def make_truth():
    """Grades of two models: a group found, the nonlinear one, and one without a name for people."""
    columns = ["model", "tuner", "group", "factors", "r2_linear", "r2_neighbours", "r2_feature"]
    rows = [
        (model, "none", group, 2, 0.9, -0.3, 0.4)
        for model in ("vae", "pca")
        for group in ("type", "phase", "unheard_of")
    ]
    return pd.DataFrame(rows, columns=columns)


def arguments_of(figure_of, study, **changed):
    """Choose what a figure takes; two figures call different tables by one name."""
    files = study.files | study.own.get(figure_of.__name__, {}) | changed
    return {name: files[name] for name in inspect.signature(figure_of.__wrapped__).parameters}


def draw(figure_of, study, **changed):
    """Draw without saving, in the style of the workflow."""
    values = arguments_of(figure_of, study, **changed)
    with matplotlib.style.context(["default", style.STYLE]):
        return figure_of.__wrapped__(**values)


def heading_of(figure):
    return figure.get_suptitle().strip()


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def save_both(figure_of, study, name):
    png, pdf = study.path / f"{name}.png", study.path / f"{name}.pdf"
    figure_of(**arguments_of(figure_of, study), png=str(png), pdf=str(pdf))
    return png.read_bytes(), pdf.read_bytes()


@pytest.mark.parametrize("figure_of", FIGURES, ids=lambda figure: figure.__name__)
def test_same_bytes_again_whatever_the_users_settings(figure_of, study, monkeypatch):
    first = save_both(figure_of, study, "first")
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 31)
    monkeypatch.setitem(matplotlib.rcParams, "savefig.facecolor", "red")
    assert save_both(figure_of, study, "again") == first
    assert matplotlib.rcParams["font.size"] == 31  # and the user's settings are left alone
    for content in first:
        assert matplotlib.__version__.encode() not in content
        assert b"CreationDate" not in content


#: Names that mathematics would choke on, or turn into something else.
FOREIGN = {"CCC": "$x_{1$", "BBB": "a$b$", "AAA": "_$A_{1}$", "G2": "$G_{2$", "G1": "$G_{1}$"}


@pytest.fixture(scope="module")
def foreign(study, tmp_path_factory):
    """The same study with names that have dollar signs, braces and underscores."""
    folder = tmp_path_factory.mktemp("foreign")
    for path in study.path.iterdir():
        if path.suffix in (".tsv", ".gz", ".json"):
            opened = gzip.open if path.suffix == ".gz" else open
            with opened(path, "rt") as file:
                text = file.read()
            for name, other in FOREIGN.items():
                text = text.replace(name, other)
            with opened(folder / path.name, "wt") as file:
                file.write(text)
    text = repr([study.files, study.own]).replace(str(study.path), str(folder))
    files, own = ast.literal_eval(text)
    return SimpleNamespace(path=folder, files=files, own=own)


@pytest.mark.parametrize("figure_of", FIGURES, ids=lambda figure: figure.__name__)
def test_names_of_the_data_are_text_and_no_mathematics(figure_of, foreign):
    with matplotlib.style.context(["default", style.STYLE]):
        figure = draw(figure_of, foreign)
        figure.draw_without_rendering()
    for text in figure.findobj(Text):
        if any(name in text.get_text() for name in FOREIGN.values()):
            assert not text.get_parse_math(), text


def test_legends_leave_no_name_out_and_headings_are_bold(foreign):
    with matplotlib.style.context(["default", style.STYLE]):
        figure = draw(plot_encoding, foreign)
    texts = {text.get_text(): text for text in figure.legends[0].get_texts()}
    assert {"$x_{1$", "a$b$", "_$A_{1}$"} <= set(texts)
    assert texts["$\\bf{cancer~type}$"].get_parse_math()


def test_powers_of_ten_are_still_written_as_such(study, monkeypatch):
    drawn = []
    monkeypatch.setattr(style.Figure, "savefig", lambda self, *_, **__: drawn.append(self))
    plot_history(**arguments_of(plot_history, study), png="history.png", pdf="history.pdf")
    figure = drawn[0]
    figure.draw_without_rendering()
    ticks = [
        label
        for axes in figure.axes
        for label in axes.get_yticklabels()
        if axes.get_yscale() == "log" and label.get_text()
    ]
    assert ticks and all(label.get_parse_math() for label in ticks)


@pytest.mark.parametrize("figure_of", FIGURES, ids=lambda figure: figure.__name__)
def test_signature_is_that_of_the_rule(figure_of):
    own = list(inspect.signature(figure_of.__wrapped__).parameters)
    assert list(inspect.signature(figure_of).parameters) == [*own, "png", "pdf"]


@pytest.mark.parametrize("figure_of", FIGURES, ids=lambda figure: figure.__name__)
def test_no_text_is_cut_off(figure_of, study):
    figure = draw(figure_of, study)
    figure.draw_without_rendering()
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert drawn.x0 >= 0 and drawn.y0 >= 0
    assert drawn.x1 <= width and drawn.y1 <= height


@pytest.mark.parametrize("figure_of", FIGURES, ids=lambda figure: figure.__name__)
def test_every_figure_says_whose_it_is_below_its_heading(figure_of, study):
    figure = draw(figure_of, study)
    figure.draw_without_rendering()
    (title,) = (text for text in figure.findobj(Text) if text.get_text() == study.files["title"])
    (heading,) = (text for text in figure.texts if text.get_text() == figure.get_suptitle())
    room, place = heading.get_window_extent(), title.get_window_extent()
    assert heading_of(figure) and heading_of(figure) != study.files["title"]
    assert room.y0 <= place.y0 and place.y1 <= room.y0 + 0.55 * room.height
    assert place.x0 == room.x0


def test_truth_shows_every_model_and_group(study):
    linear, neighbours, _, _ = draw(plot_planted_factors, study).axes
    labels = [label.get_text() for label in linear.get_yticklabels()]
    assert labels == ["cancer types (2)", "phase (nonlinear) (2)", "unheard_of (2)"]
    models = {label.get_text() for label in neighbours.get_xticklabels()}
    assert models == {"pca", "vae"}
    # A model worse than the mean keeps its number; its shade is that of 0.
    assert [text.get_text() for text in neighbours.texts] == ["-0.30"] * 6
    assert neighbours.images[0].get_array().min() == 0


def test_embeddings_are_rows_of_what_they_preserve_and_of_how_pure_labels_are(study):
    kept, pure, _ = draw(plot_embedding_quality, study).axes
    names = [label.get_text() for label in kept.get_yticklabels()]
    assert names == ["t-SNE of genes", "PCA of genes", "t-SNE of codes of vae · grid"]
    # What is not known has no number.
    assert len(kept.texts) == 3 * 4 - 1
    assert [label.get_text() for label in pure.get_xticklabels()] == ["AAA", "BBB"]
    assert [text.get_text() for text in pure.texts] == ["1.00", "0.25"] * 3


def test_matches_are_symmetric_and_forget_signs(study):
    codes, features, _ = draw(plot_matches, study).axes
    expected = np.array([[1, 0.95, 0.2], [0.95, 1, 0.1], [0.2, 0.1, 1]])
    assert np.allclose(codes.images[0].get_array(), expected)
    expected = np.array([[1, 0.8, 0.1], [0.8, 1, 0], [0.1, 0, 1]])
    assert np.allclose(features.images[0].get_array(), expected)


def test_one_model_alone_is_compared_with_nothing(study, tmp_path):
    empty = save(make_matches().iloc[:0], tmp_path / "none.tsv")
    figure = plot_matches.__wrapped__(empty, "study")
    assert "one model only" in figure.texts[-1].get_text()


def test_one_name_for_figure_script_and_caption():
    names = {figure.__name__ for figure in FIGURES}
    scripts = {path.stem for path in (ROOT / "workflow/scripts").glob("plot_*.py")}
    captions = {path.stem for path in (ROOT / "workflow/report").glob("plot_*.rst")}
    assert names == scripts == captions


def render(path, **values):
    from docutils.core import publish_parts
    from jinja2 import Environment, StrictUndefined

    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    text = environment.from_string(path.read_text(encoding="utf-8")).render(**values)
    # halt_level 2: a warning of docutils is an error here
    return publish_parts(text, writer_name="html", settings_overrides={"halt_level": 2})["body"]


@pytest.mark.parametrize("figure_of", FIGURES, ids=lambda figure: figure.__name__)
def test_captions_render(figure_of):
    wildcards = SimpleNamespace(dataset="tcga", model="vae", tuner="grid")
    params = SimpleNamespace(
        contrast="sex",
        objective="elbo",
        title="t",
        label="cancer_type",
        roles={"label": "cancer_type"},
    )
    files = SimpleNamespace(published=["resources/published_basics.tsv"])
    snakemake = SimpleNamespace(wildcards=wildcards, params=params, input=files)
    html = render(ROOT / f"workflow/report/{figure_of.__name__}.rst", snakemake=snakemake)
    assert "tcga" in html
    assert "{" not in html


def render_opening_page():
    studies = [
        {"datasets": ["tcga"], "models": ["vae", "pca"], "tuners": ["grid", "bayesian"]},
        {"datasets": ["demo", "logic"], "models": ["adage"]},
    ]
    with_space = {"module": "any", "space": {"depth": [0, 1]}}
    models = {"vae": with_space, "pca": {"module": "pca"}, "adage": with_space}
    return render(
        ROOT / "workflow/report/workflow.rst",
        snakemake=SimpleNamespace(config={"experiments": studies, "models": models}),
    )


def test_opening_page_lists_every_model_with_the_tuners_it_has():
    rows = re.findall(r"<tr>(.*?)</tr>", render_opening_page(), flags=re.DOTALL)[1:]
    row_texts = [
        re.findall(r"<td>(?:<p>)?(.*?)(?:</p>)?</td>", row, flags=re.DOTALL) for row in rows
    ]
    assert row_texts == [
        ["tcga", "vae", "grid, bayesian"],
        ["tcga", "pca", "none"],  # no space: nothing to search
        ["demo, logic", "adage", "none"],  # the default
    ]


def test_opening_page_explains_every_category_in_the_order_of_the_menu():
    files = (ROOT / "workflow" / "rules").glob("*.smk")
    rules = "".join(path.read_text(encoding="utf-8") for path in files)
    categories = set(re.findall(r'category="(.*)"', rules))
    page = render_opening_page()
    explained = [name for name in re.findall(r"<em>(.*?)</em>:", page) if name in categories]
    assert explained == sorted(categories)  # as Snakemake's report sorts them


# New samples


def test_new_samples_stand_over_the_map_and_far_ones_have_a_ring(study):
    figure = draw(plot_projection, study)
    known, *groups, rings = figure.axes[0].collections
    assert len(known.get_offsets()) == len(study.embedding)
    found = {tuple(group.get_facecolor()[0]): len(group.get_offsets()) for group in groups}
    # Of twenty new samples, three are given no label.
    assert sorted(found.values()) == [3, 8, 9]
    assert [found[to_rgba(COLOURS[name])] for name in ("AAA", "BBB")] == [8, 9]
    assert np.allclose(rings.get_offsets(), study.embedding[["tsne_1", "tsne_2"]].iloc[:1])


# Maps


@pytest.mark.parametrize("figure_of", [plot_embedding, plot_gene_embedding])
def test_map_points_have_the_colour_of_their_type(figure_of, study):
    figure = draw(figure_of, study)
    types = study.obs["cancer_type"].replace("", palette.NO_LABEL)
    expected = COLOURS | {"CCC": palette.SAFE_COLOURS[0], palette.NO_LABEL: style.GREY}
    for axes, columns in zip(figure.axes, (["tsne_1", "tsne_2"], ["pca_1", "pca_2"]), strict=True):
        drawn = {points.get_label(): points for points in axes.collections}
        assert set(drawn) == set(types)
        for name, points in drawn.items():
            places = study.embedding.loc[types == name, columns].to_numpy()
            np.testing.assert_allclose(np.asarray(points.get_offsets()), places)
            assert to_hex(points.get_facecolor()[0]) == to_hex(expected[name])


def test_map_legend_is_complete_and_counts(study):
    legend = draw(plot_embedding, study).legends[0]
    counts = study.obs["cancer_type"].replace("", palette.NO_LABEL).value_counts()
    shown = dict(re.split(r"  ", text.get_text()) for text in legend.get_texts())
    assert shown == {name: str(count) for name, count in counts.items()}


def test_map_labels_do_not_overlap(study):
    figure = draw(plot_embedding, study)
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in axes.texts]
        assert boxes
        assert not any(
            one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[i + 1 :]
        )


def test_map_without_cancer_types_is_grey(study):
    obs = study.obs.drop(columns="cancer_type")
    samples = save_samples(obs, study.path / "plain.tsv")
    roles = ROLES | {"label": None, "strata": ["sample_type"]}
    figure = draw(plot_embedding, study, samples=samples, roles=roles)
    (points,) = figure.axes[0].collections
    assert to_hex(points.get_facecolor()[0]) == to_hex(style.GREY)


def test_map_of_a_constant_code_says_so(study):
    nowhere = study.embedding.assign(**dict.fromkeys(study.embedding.columns, np.nan))
    figure = draw(
        plot_embedding, study, embedding=save(nowhere.reset_index(), study.path / "none.tsv")
    )
    assert "The code is constant: no embedding." in texts(figure)
    assert not figure.axes


def test_map_of_another_dataset_is_refused(study):
    table = study.embedding.rename(index={"s003": "stranger"}).reset_index()
    with pytest.raises(InputError, match="stranger"):
        draw(plot_embedding, study, embedding=save(table, study.path / "other.tsv"))


def test_a_type_looks_the_same_whatever_else_is_drawn(study):
    alone = palette.label_looks(["BBB"], study.files["colours"])["BBB"]
    assert palette.label_looks(["AAA", "BBB", "Z"], study.files["colours"])["BBB"] == alone


def test_like_colours_get_different_markers():
    assert len(set(palette.markers_apart(["#CC0000"] * 7))) == 7
    red, green, blue, red_again = palette.markers_apart(
        ["#CC0000", "#00CC00", "#0000CC", "#CD0000"]
    )
    assert red != red_again


def test_safe_looks_are_all_different():
    assert len(set(palette.safe_looks(49))) == 49


def test_cohort_table_without_colours_is_refused(study):
    path = save(pd.DataFrame({"acronym": ["AAA"]}), study.path / "bad.tsv")
    with pytest.raises(InputError, match="color"):
        palette.label_looks(["AAA"], path)


# Training and tuning


def test_history_draws_every_column(study):
    figure = draw(plot_history, study)
    drawn = {line.get_label(): line for axes in figure.axes for line in axes.lines}
    for column in HISTORY.columns.drop(["epoch", "eligible", "best"]):
        np.testing.assert_array_equal(drawn[column].get_ydata(), HISTORY[column])
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:4] == ["loss", "reconstruction", "KL", "KL weight"]
    assert "not recorded" in texts(figure)  # l1 holds no value
    units = {axes.get_title(): axes.get_ylabel().replace("\n", " ") for axes in figure.axes}
    assert units["score"] == OBJECTIVES["elbo"].axis
    assert units["MSE"] == "mean over genes"


def test_what_is_measured_on_validation_samples_has_their_colour(study):
    figure = draw(plot_history, study)
    colours = {line.get_label(): line.get_color() for axes in figure.axes for line in axes.lines}
    judged = {name for name in HISTORY if name.startswith("validation_")}
    judged |= {"score", "active_units", "mean_sigma"}
    assert {name for name, colour in colours.items() if colour == style.ORANGE} == judged


def test_best_epoch_is_the_one_that_was_kept(study):
    lines = draw(plot_history, study).axes[0].lines
    assert [line.get_xdata()[0] for line in lines if line.get_label() == "best epoch"] == [6]
    other = HISTORY.assign(best=HISTORY["epoch"] == 2)  # the figure has no rule of its own
    lines = draw(plot_history, study, history=save(other, study.path / "other.tsv")).axes[0].lines
    assert [line.get_xdata()[0] for line in lines if line.get_label() == "best epoch"] == [2]


def test_history_begins_with_the_model_before_training(study):
    before = pd.DataFrame([{"epoch": 0, "validation_bce": 9.5, "eligible": False, "best": False}])
    table = pd.concat([before.reindex(columns=HISTORY.columns), HISTORY], ignore_index=True)
    table = table.assign(eligible=table["eligible"] == True, best=table["best"] == True)  # noqa: E712
    figure = draw(plot_history, study, history=save(table, study.path / "begun.tsv"))
    (line,) = [x for axes in figure.axes for x in axes.lines if x.get_label() == "validation_bce"]
    assert (line.get_xdata()[0], line.get_ydata()[0]) == (0, 9.5)
    assert any("Epoch 0: before training" in text for text in texts(figure))


def test_history_of_a_model_fitted_in_one_step_shows_every_number(study):
    row = pd.DataFrame(
        {"epoch": [1], "eligible": [True], "reconstruction": [0.0125], "validation_mse": [0.0375]}
    ).assign(best=True)
    shown = texts(draw(plot_history, study, history=save(row, study.path / "one.tsv")))
    assert {"reconstruction", "0.0125", "MSE", "0.0375"} <= set(shown)


@pytest.mark.parametrize(("chosen", "score"), [("c3", 10.2), ("e5", 40.0)])
def test_trials_star_is_the_setting_that_the_table_calls_chosen(study, chosen, score):
    table = make_trials()
    assert table.loc[table["chosen"] == "yes", "trial"].tolist() == ["c3"]
    table["chosen"] = np.where(table["trial"] == chosen, "yes", "no")
    figure = draw(plot_trials, study, trials=save(table, study.path / "chosen.tsv"))
    stars = [axes.collections[-1].get_offsets() for axes in figure.axes if axes.get_xlabel()]
    assert [float(star[0, 1]) for star in stars] == [score] * 3  # one in every panel
    shown = texts(figure)
    rank = table.loc[table["trial"] == chosen, "rank"].item()
    assert [text for text in shown if text.startswith("★")][0].endswith(f" {rank}")


def test_trials_mark_rows_with_warnings(study):
    shown = texts(draw(plot_trials, study))
    assert [text for text in shown if text.startswith("⚠")] == ["⚠ 2", "⚠ 4", "⚠ 5"]
    note = next(text for text in shown if text.startswith("Every point")).replace("\n", " ")
    assert "⚠ rank 2, 4: too short. ⚠ rank 5: unused features." in note


def test_trials_draws_each_setting_at_its_value(study):
    figure = draw(plot_trials, study)
    panels = {axes.get_xlabel(): axes for axes in figure.axes if axes.get_xlabel()}
    assert set(panels) == {"depth", "hidden dim", "learning rate"}
    hidden = panels["hidden dim"]
    assert [text.get_text() for text in hidden.get_xticklabels()] == ["100", "300", "–"]
    points = np.asarray(hidden.collections[0].get_offsets())
    np.testing.assert_array_equal(points[:, 0].round(), [0, 1, 2, 2, 0])
    np.testing.assert_array_equal(points[:, 1], [10.0, 10.1, 10.2, 30.0, 40.0])
    shown = " ".join(texts(figure))
    assert "1 diverged" in shown
    assert "3 settings within one standard error" in shown
    assert "★ 3" in shown


@pytest.mark.parametrize(
    "rows", [slice(0, 1), slice(5, 6)], ids=["one setting", "none with a score"]
)
def test_trials_with_nothing_to_compare(study, rows):
    table = make_trials().iloc[rows].assign(tied="not tested", chosen="yes")
    path = save(table, study.path / "few.tsv")
    assert texts(draw(plot_trials, study, trials=path))


def test_trials_show_the_spread_over_runs(study):
    panel = draw(plot_trials, study).axes[0]
    (spread,) = [
        lines
        for lines in panel.collections
        if isinstance(lines, LineCollection) and to_hex(lines.get_color()[0]) == style.BLUE.lower()
    ]
    ends = [segment[:, 1].tolist() for segment in spread.get_segments()]
    assert ends == [[9, 11], [9.1, 11.1], [9.2, 11.2], [29, 31], [39, 41]]  # mean -+ sd


def curves(figure):
    """The drawn settings by the height at which they reach the axis of the score, and colours."""
    (axes,) = figure.axes
    lines = [part for part in axes.collections if len(part.get_segments()[0]) > 2]
    return [(part.get_color()[0], [seg[-1, 1] for seg in part.get_segments()]) for part in lines]


def test_parallel_lines_end_at_their_scores(study):
    failed, scored, _, chosen = curves(draw(plot_parallel, study))
    expected = (np.array([40.0, 30.0, 10.2, 10.1, 10.0]) - 10) / 30  # the best is drawn last
    np.testing.assert_allclose(scored[1], expected)
    assert len(failed[1]) == 1 and failed[1][0] > 1  # above the axis
    np.testing.assert_allclose(chosen[1], [0.2 / 30])
    assert to_hex(chosen[0]) == style.ORANGE.lower()


def test_parallel_lines_pass_their_values(study):
    figure = draw(plot_parallel, study)
    assert {"depth", "hidden dim", "learning rate", "0.002", "300", "no score"} <= set(
        texts(figure)
    )
    (axes,) = figure.axes
    scored = [part for part in axes.collections if len(part.get_segments()) == 5][0]
    starts = [segment[0, 1] for segment in scored.get_segments()]
    assert [start > 0.5 for start in starts] == [True, False, False, True, True]  # depth 1: above


def test_parallel_with_nothing_to_compare(study):
    table = make_trials().iloc[:1].assign(tied="not tested", chosen="yes")
    figure = draw(plot_parallel, study, trials=save(table, study.path / "single.tsv"))
    assert not figure.axes and "nothing to compare" in " ".join(texts(figure))


def test_importance_is_grey_and_says_so_where_it_predicts_nothing(study):
    table = pd.read_csv(study.files["importance"], sep="\t")
    believed = draw(plot_importance, study)
    doubted = draw(
        plot_importance, study, importance=save(table.assign(r2=0.1), study.path / "noise.tsv")
    )
    colours = [to_hex(f.axes[0].patches[0].get_facecolor()) for f in (believed, doubted)]
    assert colours == [style.BLUE.lower(), style.GREY.lower()]
    assert "do NOT read" in doubted.axes[0].get_title(loc="left")
    few = table.assign(r2=np.nan, importance=np.nan, sd=np.nan, trainings=4)
    figure = draw(plot_importance, study, importance=save(few, study.path / "few_trainings.tsv"))
    assert not figure.axes and "4 trainings" in " ".join(texts(figure))


def test_best_so_far_of_random_orders_is_that_of_all_orders():
    score = np.array([3.0, 1.0, 4.0, np.inf, 2.0])
    best = np.array([np.minimum.accumulate(o) for o in itertools.permutations(score)])
    shares = (0.3, 0.5, 0.9)
    for share, ours in zip(shares, best_of_random_orders(score, shares), strict=True):
        slow = np.quantile(best, share, axis=0, method="inverted_cdf")
        np.testing.assert_array_equal(ours, slow)


def test_a_closed_loop_is_drawn_in_the_order_of_its_rounds(study):
    search = follow(str(study.path / "rounds.tsv"))
    assert set(search["in_order"]) == {"yes"}
    np.testing.assert_array_equal(search["score"], [2, 3, 1, np.nan])
    np.testing.assert_array_equal(search["runs"], [2, 2, 2, 2])  # the empty slot cost nothing
    np.testing.assert_array_equal(search["epochs"], [20, 20, 40, 33])
    figure = draw(plot_progress, study)
    assert [axes.get_xlabel() for axes in figure.axes] == ["trainings", "epochs of all trainings"]
    drawn = {line.get_label(): line for line in figure.axes[1].lines}
    line = drawn["bayesian: 1"]
    np.testing.assert_array_equal(line.get_xdata(), [20, 40, 80, 113])
    np.testing.assert_array_equal(line.get_ydata(), [2, 2, 1, 1])


def test_settings_with_fewer_epochs_cost_no_training_of_their_own(study):
    table = make_trials().assign(trial=["a1", "a1", "c3", "d4", "e5", "f6"])
    search = follow(save(table, study.path / "shared.tsv"))
    assert set(search["in_order"]) == {"no"}
    assert sorted(search["score"].fillna(np.inf)) == [10.0, 10.2, 30.0, 40.0, np.inf]


def test_curves_draw_ours_and_the_published_points(study):
    (axes,) = draw(plot_published_curves, study).axes
    drawn = {line.get_label(): line for line in axes.lines}
    assert set(drawn) == {"deep · grid: 0.02", "pca: 0.04", "deep, published", "shallow, published"}
    np.testing.assert_array_equal(drawn["deep · grid: 0.02"].get_ydata(), HISTORY["validation_mse"])
    published = drawn["deep, published"]
    assert published.get_xdata().tolist() == [200, 400, 600, 800, 1000, 2000]
    assert published.get_ydata()[0] == 0.0243 and published.get_ydata()[-1] == 3.6e-8
    assert set(drawn["shallow, published"].get_ydata()) == {2.5194}
    (alone,) = draw(plot_curves, study).axes
    assert len(alone.lines) == 2


def test_elbow_is_where_the_score_falls_most():
    assert elbow(np.array([1, 2, 3, 5]), np.array([8.0, 4.0, 0.4, 0.3])) == (2, 3, 10)


def test_the_search_over_the_latent_dimension_reports_both_elbows(study):
    figure = draw(plot_published_search, study)
    note = " ".join(texts(figure)).replace("\n", " ")
    assert "this study: from 1 to 2, 50,000-fold" in note
    assert "published: from 2 to 3, 2,200-fold" in note  # 8e-4 / 3.56e-7


def test_the_search_over_depth_and_width_draws_the_published_at_their_settings(study):
    table = make_trials().iloc[:4].drop(columns=["depth", "hidden_dim", "learning_rate"])
    table.insert(1, "depth", [3, 6, 1, 0])
    table.insert(2, "hidden_dim", [12, 16, 16, np.nan])
    path = save(table, study.path / "depth.tsv")
    figure = draw(plot_published_search, study, trials=path, published_as="search")
    drawn = {line.get_label(): line for line in figure.axes[0].lines}
    published = drawn["published"]
    points = zip(published.get_xdata().tolist(), published.get_ydata().tolist(), strict=True)
    assert set(points) == {(0, 1.3e-9), (1, 1.02e-9)}  # (3, 12) and (6, 16); (3, 16) was not tried
    assert any("0.00056" in label for label in drawn)
    labels = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert labels == ["3 · 12", "6 · 16", "1 · 16", "0 · –"]


def test_agreement_measures_the_samples_that_judge(study):
    figure = draw(plot_agreement, study)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["g1: MSE 0", "g1*g2: MSE 0.01"]
    train, validation = figure.axes[1].collections
    assert len(train.get_offsets()) == len(validation.get_offsets()) == 20
    np.testing.assert_allclose(np.unique(validation.get_offsets()[:, 1]), [0.1, 1.1])


def test_trials_of_an_unknown_objective_are_refused(study):
    with pytest.raises(InputError, match="objective"):
        draw(plot_trials, study, objective="loss")


# Contrasts


def test_contrast_shows_the_auroc_of_the_table(study):
    row = pd.read_csv(study.files["findings"], sep="\t").iloc[0]
    assert row["feature"] == "z2"
    assert row["effect_train"] < 0.5  # lower in males: shown as -z2, whose AUROC is the complement
    figure = draw(plot_contrast, study)
    low, high = 1 - row["effect_test_high"], 1 - row["effect_test_low"]
    expected = f"test AUROC of −z2: {1 - row['effect_test']:.3f} ({low:.3f}–{high:.3f})"
    assert figure.axes[0].get_title(loc="left").startswith(expected)
    assert heading_of(figure) == (
        "−z2 separates male from female, within cancer types: "
        f"AUROC {1 - row['effect_test']:.2f} on test samples"
    )


def pair_of(figure):
    """Return the features on the axes of the map."""
    left = figure.axes[0]
    return [label.split(",")[0] for label in (left.get_xlabel(), left.get_ylabel())]


def test_contrast_draws_the_planted_pair_of_the_right_samples(study):
    figure = draw(plot_contrast, study)
    left = figure.axes[0]
    assert pair_of(figure) == ["z2", "z3"]
    obs = study.obs
    train = obs[(obs["split"] == "train") & (obs["sex"] != "")]
    of_a_side = train.groupby(["cancer_type", "sex"]).size().unstack()
    assert (of_a_side < 10).any(axis=1).to_dict() == {
        "": True,
        "AAA": False,
        "BBB": False,
        "CCC": True,
    }
    inside = obs["cancer_type"].isin(["AAA", "BBB"]) & (obs["sex"] != "")
    counts = {
        f"{sex}, {part}": int((inside & (obs["sex"] == sex) & (obs["split"] == part)).sum())
        for sex in ("female", "male")
        for part in ("train", "test")
    }
    drawn = {re.sub(r" \(.*", "", p.get_label()): len(p.get_offsets()) for p in left.collections}
    assert drawn == counts
    colours = {p.get_label().split(",")[0]: p.get_facecolor()[0][:3] for p in left.collections}
    assert tuple(colours["male"]) == to_rgba(style.ORANGE)[:3]


def test_contrast_pair_is_evaluated_on_samples_that_took_no_part(study):
    """Turning the test samples' codes around changes the judgement, not the choice."""
    codes = study.codes.copy()
    test = study.obs["split"] == "test"
    codes.loc[test] = -codes.loc[test]
    path = save(codes.reset_index(), study.path / "turned.tsv.gz")
    changed = pairs_of(study.files["samples"], path, study.path, out="changed")
    figure = draw(plot_contrast, study, **changed)
    assert pair_of(figure) == ["z2", "z3"]
    before, after = (
        float(re.search(r"of the pair: ([\d.]+)", f.axes[0].get_title(loc="left"))[1])
        for f in (draw(plot_contrast, study), figure)
    )
    assert before > 0.9
    assert after < 0.1


def test_contrast_with_a_single_feature_has_no_partner(study):
    codes = study.codes[["z2"]].set_axis(["z1"], axis=1)
    changed = ask_again(study, None, encoding=save(codes.reset_index(), study.path / "one.tsv.gz"))
    figure = draw(plot_contrast, study, **changed)
    assert pair_of(figure)[0] == "z1"
    assert "pair" not in figure.axes[0].get_title(loc="left")


def ask_again(study, obs, contrast=SEX, encoding=None):
    """Answer the contrast with other columns or codes; return the files that this changes."""
    folder = study.path / "again"
    folder.mkdir(exist_ok=True)
    samples = study.files["samples"]
    samples = samples if obs is None else save_samples(obs, folder / "samples.tsv")
    encoding = encoding or study.files["encoding"]
    for name in ("high_weight_genes.tsv", "gene_sets.tsv", "matrix.h5ad"):
        (folder / name).write_bytes((study.path / name).read_bytes())
    find(samples, encoding, contrast, folder)
    found = pairs_of(samples, encoding, folder, contrast)
    tables = ("findings", "gene_differences")
    return found | {name: str(folder / f"{name}.tsv") for name in tables}


def test_contrast_that_no_training_sample_answers_says_so(study):
    train = study.obs["split"] == "train"
    obs = study.obs.assign(sex=study.obs["sex"].where(~train | (study.obs["sex"] != "male"), ""))
    figure = draw(plot_contrast, study, **ask_again(study, obs))
    assert any(text.startswith("Not testable") for text in texts(figure))


@pytest.mark.parametrize("positives", [0, 3])
def test_contrast_that_too_few_samples_judge_gives_no_auroc_of_theirs(study, positives):
    males = study.obs.index[(study.obs["split"] == "test") & (study.obs["sex"] == "male")]
    obs = study.obs.drop(index=[])
    obs.loc[males[positives:], "sex"] = ""
    figure = draw(plot_contrast, study, **ask_again(study, obs))
    left, right = figure.axes
    expected = r"not testable: [0-3] positive test patients, fewer than 10"
    assert re.fullmatch(expected, left.get_title(loc="left"))
    assert [tick.get_text() for tick in right.get_yticklabels()] == ["−z2\ntrain", "z2 + z3\ntrain"]
    assert len(right.texts) == 2
    assert not any("nan" in text for text in texts(figure))


FINDING = {
    "measure": "auroc",
    "feature": "z7",
    "description": "SKCM or UVM against all others",
    "effect_train": 0.02,
    "effect_test": 0.05,
    "effect_test_low": 0.01,
    "effect_test_high": 0.1,
    "verdict": "confirmed",
    "reason": "",
    "separates": "yes",
    "comes_back": "yes",
    "genes_agree": "yes",
    "evaluated_on": "test",
    "stability": 0.875,
    "stability_over_seeds": 0.5,
}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "−z7 separates SKCM or UVM from all others: AUROC 0.95 on test samples"),
        (
            {"verdict": "not confirmed", "effect_test": 0.6, "evaluated_on": "validation"}
            | {"separates": "no"},
            "melanoma: no feature is confirmed (−z7: AUROC 0.40 on validation samples)",
        ),
        (
            {"verdict": "partly confirmed", "comes_back": "no", "genes_agree": "unknown"},
            "−z7 separates SKCM or UVM from all others: AUROC 0.95 on test samples, but not stable "
            "and no genes",
        ),
        (
            {"verdict": "not testable", "reason": "3 positive test samples, fewer than 10"},
            "melanoma: not testable (3 positive test samples, fewer than 10)",
        ),
        (
            {"measure": "spearman", "description": "age, within cancer types", "effect_train": -0.5}
            | {"effect_test": -0.4},
            "−z7 follows age, within cancer types: Spearman’s ρ 0.40 on test samples",
        ),
    ],
)
def test_titles_say_what_was_found(changed, words):
    assert findings.sentence("melanoma", pd.Series(FINDING | changed)) == words


def test_intervals_are_turned_with_the_feature():
    assert findings.signed_feature(pd.Series(FINDING)) == "−z7"
    effect = findings.oriented(pd.Series(FINDING))
    assert not effect.higher
    assert effect[1:] == pytest.approx((0.98, 0.95, 0.9, 0.99))


def test_stability_is_said_for_what_was_tried():
    words = "Stability on test samples over bootstrap samples: median |r| = 0.88"
    finding = pd.Series(FINDING)
    assert findings.stability_in_words(finding) == f"{words}, over seeds: mean |r| = 0.50."
    finding["stability_over_seeds"] = np.nan
    assert findings.stability_in_words(finding) == f"{words}."
    finding["stability"] = np.nan
    assert findings.stability_in_words(finding) == ""


def test_genes_stand_on_the_side_of_the_positive_samples(study):
    """z2 is lower in males, so the genes of its negative weights should be higher in them."""
    figure = draw(plot_genes, study)
    _, low, high = figure.axes
    assert high.get_title(loc="left") == "negative weights of z2\nfull: higher in male"
    assert low.get_title(loc="left") == "positive weights of z2\nfull: higher in female"
    named = [text.get_text() for text in high.get_yticklabels()]
    assert set(named) == {"G0", "G1", "G2"}
    assert heading_of(figure).startswith("Genes: −z2 separates male")


def faces(axes):
    """The names of genes -> the colours of their bars."""
    names = [text.get_text() for text in axes.get_yticklabels()]
    return {name: bar.get_facecolor() for name, bar in zip(names, axes.patches, strict=True)}


def test_a_bar_is_full_only_if_expression_differs_as_the_weight_says(study):
    high = draw(plot_genes, study).axes[2]
    orange, white = to_rgba(style.ORANGE), to_rgba("white")
    assert faces(high) == {"G0": orange, "G1": orange, "G2": white}
    table = pd.read_csv(study.files["gene_differences"], sep="\t")
    table = table[table["contrast"] == "sex"].set_index("gene")
    assert table["agrees"].to_dict() == {"G0": "yes", "G1": "yes", "G2": "no"}
    for _, row in table.iterrows():
        assert f" {row['effect_train']:.2f}, {row['effect_test']:.2f}" in texts(high)
    best = pd.read_csv(study.files["findings"], sep="\t").set_index("contrast").loc["sex"]
    assert best["genes"] in ("G0, G1", "G1, G0")


@pytest.mark.parametrize("verdict", ["not confirmed", "not testable"])
def test_a_contrast_that_failed_claims_no_genes(study, verdict):
    table = pd.read_csv(study.files["findings"], sep="\t")
    table = table.assign(verdict=verdict, separates="no", reason="too few")
    path = save(table, study.path / "failed.tsv")
    figure = draw(plot_genes, study, findings=path)
    histogram, *sides = figure.axes
    for axes in sides:
        assert axes.get_title(loc="left").endswith("of z2\nnot confirmed")
        assert set(faces(axes).values()) <= {to_rgba(style.GREY)}
        assert any("no gene set" in text for text in texts(axes))
    assert {bar.get_facecolor() for bar in histogram.patches} == {to_rgba(style.GREY)}
    assert not any("higher in" in text for text in texts(figure))


def test_bars_of_the_histogram_end_at_the_threshold(study):
    for bar in draw(plot_genes, study).axes[0].patches:
        left, right = bar.get_x(), bar.get_x() + bar.get_width()
        for threshold in (-2.5, 2.5):
            assert not left + 1e-9 < threshold < right - 1e-9


def test_only_sets_that_both_tests_name_are_listed_with_their_other_features(study):
    sets = pd.DataFrame(
        [("z2", "negative", "HIT", 3, 6, 1e-9, 1e-8, "yes", 14), ]
        + [("z2", "negative", "MISS", 3, 6, 1e-9, 1e-8, "no", 0)],
        columns=["feature", "side", "gene_set", "overlap", "set_genes", "p", "q", "named"]
        + ["other_features"],
    )  # fmt: skip
    figure = draw(plot_genes, study, gene_sets=save(sets, study.path / "named.tsv"))
    low, high = (" ".join(texts(axes)) for axes in figure.axes[1:])
    assert "hit  3/6  (q = 1e-08; also in 14 others)" in high
    assert "miss" not in high and "no gene set" in low
    unstable = pd.read_csv(study.files["findings"], sep="\t").assign(comes_back="no")
    unstable = save(unstable, study.path / "unstable.tsv")
    figure = draw(plot_genes, study, gene_sets=str(study.path / "named.tsv"), findings=unstable)
    high = " ".join(texts(figure.axes[2]))
    assert "hit" not in high and "gene sets: not named, as not stable" in high


def test_findings_show_every_finding_that_separates(study):
    figure = draw(plot_findings, study)
    table = pd.read_csv(study.files["findings"], sep="\t")
    shown = " ".join(texts(figure))
    separating = table[table["separates"] == "yes"]
    assert len(separating)
    for contrast in separating["contrast"]:
        assert f"{contrast.replace('_', ' ').replace(':', ': ')}  (" in shown
    confirmed = (table["verdict"] == "confirmed").sum()
    assert heading_of(figure).startswith(f"{confirmed} of ")


def make_findings(study):
    """One contrast of each verdict, and two of numbers, all found in z2."""
    table = pd.read_csv(study.files["findings"], sep="\t")
    row = table[table["contrast"] == "sex"].iloc[0].to_dict() | {"named": "yes"}
    auroc = {"effect_train": 0.9, "effect_test": 0.8}
    auroc |= {"effect_test_low": 0.75, "effect_test_high": 0.85}
    rho = {"measure": "spearman", "effect_train": -0.5, "effect_test": 0.2}
    rho |= {"effect_test_low": -0.1, "effect_test_high": 0.4, "separates": "no"}
    partly = {"verdict": "partly confirmed", "genes_agree": "no"}
    rows = [
        row | auroc | {"contrast": "all", "verdict": "confirmed"},
        row | auroc | {"contrast": "partly"} | partly,
        row | rho | {"contrast": "age", "verdict": "not confirmed", "comes_back": "unknown"},
    ]
    return pd.DataFrame(rows)


def test_numbers_have_a_panel_of_their_own_with_their_own_threshold(study):
    path = save(make_findings(study), study.path / "both.tsv")
    areas, rho = draw(plot_findings, study, findings=path).axes
    assert areas.get_xlabel() == "AUROC"
    assert rho.get_xlabel() == "Spearman’s ρ, in the direction of training"
    labels = [text.get_text() for text in rho.get_yticklabels()]
    assert len(labels) == 1 and labels[0].startswith("age  (−z2")
    for axes, chance, least in ((areas, 0.5, 0.7), (rho, 0.0, 0.3)):
        dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
        (place,) = {float(value) for line in dashed for value in line.get_xdata()}
        assert (
            place
            == pytest.approx(least)
            == chance + associations.SMALLEST_EFFECT["auroc" if chance else "spearman"]
        )
    # turned to the direction of training, the effect on test samples is negative
    dots = [line for line in rho.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    assert -0.2 in [float(line.get_xdata()[0]) for line in dots]


def test_the_three_marks_are_drawn_full_hollow_or_not_at_all(study):
    path = save(make_findings(study), study.path / "marks.tsv")
    areas, rho = draw(plot_findings, study, findings=path).axes

    def marks(axes, y):
        placed = [line for line in axes.lines if not line.get_clip_on()]
        placed = sorted((line for line in placed if line.get_ydata()[0] == y), key=place)
        return [line.get_markerfacecolor() != "white" for line in placed]

    def place(line):
        return line.get_xdata()[0]

    assert marks(areas, 0) == [True, True, True]
    assert marks(areas, 1) == [True, True, False]
    assert marks(rho, 0) == [False, True]  # whether it comes back was not measured
    assert [text for text in texts(areas) if text == "genes agree"] == ["genes agree"]


def test_unknown_contrast_is_refused(study):
    with pytest.raises(InputError, match="did you mean 'sex'"):
        draw(plot_contrast, study, contrast="sexx")


def test_discriminants_are_those_of_scikit_learn():
    rng = np.random.default_rng(5)
    positive = rng.random(300) < 0.3
    values = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 4)) + positive[:, None] * [1, 0, 2, 0]
    ours = pairs.discriminants(values, positive, first=1)
    assert np.isnan(ours[1]).all()  # a feature is no partner of its own
    for other in (0, 2, 3):
        model = LinearDiscriminantAnalysis(solver="eigen").fit(values[:, [1, other]], positive)
        expected = model.coef_[0] / np.linalg.norm(model.coef_[0])
        np.testing.assert_allclose(ours[other] / np.linalg.norm(ours[other]), expected, atol=1e-9)


def test_midpoints_do_not_depend_on_the_share_of_positives():
    codes = pd.DataFrame({"z1": [0.0, 0, 0, 2, 10, 14, 14]})
    label = pd.Series([0, 0, 0, 1, 0, 1, 1])
    stratum = pd.Series(list("aaaabbb"))
    assert pairs.midpoints(codes, label, stratum)["z1"].to_dict() == {"a": 1, "b": 12}


# Codes and errors


def test_encoding_draws_every_sample_in_the_order_of_its_bars(study):
    figure = draw(plot_encoding, study)
    *bars, heat, _ = figure.axes
    assert [bar.texts[0].get_text() for bar in bars] == ["cancer type", "sample type", "sex"]
    values = heat.images[0].get_array()
    order = [text.get_text() for text in heat.get_xticklabels()]
    assert sorted(order) == sorted(study.codes.columns)
    assert order[-1] == "z4" and values[:, -1].mask.all()  # constant: grey, last
    z = study.codes["z1"]
    shown = np.asarray(values[:, order.index("z1")])
    np.testing.assert_allclose(np.sort(shown), np.sort((z - z.mean()) / z.std(ddof=0)))
    rows = np.argsort(z.to_numpy())[np.argsort(np.argsort(shown))]  # which sample each row is
    palette_of = heat_map.annotations(
        read_samples(study.files["samples"], ROLES),
        study.files["colours"],
        read_known_columns(COLUMNS),
    )
    for bar, (labels, colours) in zip(bars, palette_of.values(), strict=True):
        image = bar.images[0]
        colour = image.cmap(image.norm(image.get_array()[:, 0]))
        expected = [to_rgba(colours[label]) for label in labels.iloc[rows]]
        np.testing.assert_allclose(colour, expected)


@pytest.mark.parametrize(
    "absent",
    [["sex"], ["sex", "sample_type"], ["cancer_type"], ["sex", "sample_type", "cancer_type"]],
)
def test_encoding_has_bars_only_for_declared_columns(study, absent):
    obs = study.obs.drop(columns=absent)
    samples = save_samples(obs, study.path / "fewer.tsv")
    roles = roles_of(obs)
    figure = draw(plot_encoding, study, samples=samples, roles=roles)
    assert len(figure.axes) == 3 - len(absent) + 2
    shown = set(texts(figure))
    assert not shown & {name.replace("_", " ") for name in absent}


def test_encoding_legend_has_all_types(study):
    labels = {text.get_text() for text in draw(plot_encoding, study).legends[0].get_texts()}
    assert {"AAA", "BBB", "CCC", palette.NO_LABEL, "female", "male", "Primary Tumor"} <= labels


def test_thinned_rows_keep_the_shares_of_the_groups():
    rng = np.random.default_rng(0)
    groups = np.repeat(["big", "small"], [9000, 1000])
    rows = heat_map.order_samples(rng.normal(size=(10_000, 3)), groups)
    assert len(rows) == len(set(rows)) == heat_map.MOST_ROWS
    assert abs((groups[rows] == "small").sum() - 200) <= 1
    assert list(dict.fromkeys(groups[rows])) == ["big", "small"]


def worst_panel(figure):
    return next(axes for axes in figure.axes if axes.get_title().endswith("worst genes"))


def test_reconstruction_names_the_worst_genes(study):
    figure = draw(plot_reconstruction, study)
    named = [text.get_text() for text in worst_panel(figure).get_yticklabels()]
    assert named == [f"G{i}" for i in range(29, 14, -1)]


def test_reconstruction_of_two_parts_is_evaluated_on_validation(study):
    genes = pd.DataFrame({"gene": ["A", "B"], "mse_train": [0, 0.1], "mse_validation": [0.2, 0.1]})
    samples = pd.DataFrame(
        {"sample": list("abcd"), "split": ["train", "validation"] * 2, "mse": [1.0, 2, 3, 4]}
    )
    figure = draw(
        plot_reconstruction,
        study,
        reconstruction_genes=save(genes, study.path / "g.tsv.gz"),
        reconstruction_samples=save(samples, study.path / "s.tsv.gz"),
    )
    assert heading_of(figure) == "Reconstruction error, validation samples against training samples"
    assert len(figure.axes) == 2  # no cancer types: no panel of them
    named = [text.get_text() for text in worst_panel(figure).get_yticklabels()]
    assert named == ["A", "B"]


def test_reconstruction_legend_covers_nothing(study):
    figure = draw(plot_reconstruction, study)
    figure.draw_without_rendering()
    assert not any(axes.get_legend() for axes in figure.axes)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()][:2] == ["train", "test"]
    panels = [axes.get_window_extent() for axes in figure.axes]
    assert len(panels) == 3
    assert not legend.get_window_extent().count_overlaps(panels)


def test_types_are_ordered_by_their_median_error():
    samples = pd.DataFrame({"split": ["train", "test"] * 3, "mse": [5.0, 6, 1, 2, 3, 4]})
    types = pd.Series(["hard", "hard", "easy", "easy", "middle", "middle"])
    assert errors.order_labels(samples, types, "test") == ["easy", "middle", "hard"]


def test_comparison_marks_best_and_baseline(study):
    figure = draw(plot_leaderboard, study)
    mse, accuracy = figure.axes
    assert mse.get_title() == "← MSE test\nbest 0.01"
    assert accuracy.get_title() == "KNN accuracy →\nbest 0.9"
    assert [line.get_xdata()[0] for line in accuracy.lines if line.get_linestyle() == "--"] == [0.8]


def test_comparison_says_which_samples_evaluate_and_what_was_warned_of(study):
    figure = draw(plot_leaderboard, study)
    assert heading_of(figure) == "2 trained models, evaluated on test samples"
    assert any("vae · grid: 3 of 5 features are not active." in text for text in texts(figure))
    assert not any("pca:" in text for text in texts(figure))


def test_a_model_that_was_chosen_on_the_samples_that_evaluate_it_is_marked(study):
    table = pd.read_csv(study.files["leaderboard"], sep="\t").iloc[:1]
    table = table.assign(evaluated_on="validation")
    figure = draw(plot_leaderboard, study, leaderboard=save(table, study.path / "one.tsv"))
    expected = "1 trained model, evaluated on validation samples, which also chose the setting"
    assert heading_of(figure) == expected


def test_measures_find_their_intervals_and_their_better_side():
    table = pd.DataFrame(
        [[1.0, 0.5, 1.5, 0.9, 0.8, 1.0, np.nan, 7, 3]],
        columns=["knn_accuracy", "knn_low", "knn_high", "a", "a_low", "a_high", "empty", "epochs"]
        + ["active_units"],
    )
    assert measures_of(table) == {"knn_accuracy": ("knn_low", "knn_high"), "a": ("a_low", "a_high")}
    assert lower_is_better("mse_test")
    assert not lower_is_better("sex_auroc")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(3000100, "3,000,100"), (0.0005, "0.0005"), (2646.52, "2,646.5"), (np.nan, "–"), (1.0, "1")],
)
def test_numbers_are_written_for_people(value, shown):
    assert numbers.number(value) == shown
