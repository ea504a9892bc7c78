"""Every figure on small tables: the same bytes again, and the right things in the right colours."""

import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgba
from matplotlib.text import Text
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from tybalt import meaning
from tybalt.data.matrix import write_matrix
from tybalt.errors import InputError
from tybalt.figures import pairs, palette, style
from tybalt.figures import plot_encoding as heat_map
from tybalt.figures import plot_reconstruction as errors
from tybalt.figures.plot_encoding import plot_encoding
from tybalt.figures.plot_gene_map import plot_gene_map
from tybalt.figures.plot_history import best_epoch, plot_history
from tybalt.figures.plot_leaderboard import lower_is_better, measures_of, plot_leaderboard
from tybalt.figures.plot_map import plot_map
from tybalt.figures.plot_reconstruction import plot_reconstruction
from tybalt.figures.plot_signal import plot_signal
from tybalt.figures.plot_trials import chosen_setting, plot_trials
from tybalt.files import write_table
from tybalt.ranking import order, winner

ROOT = Path(__file__).parents[2]
COLOURS = {"AAA": "#ED2891", "BBB": "#BBD642"}
SEX = {"covariate": "sex", "positive": ["male"], "within": "cancer_type"}
FIGURES = [
    plot_map,
    plot_gene_map,
    plot_history,
    plot_trials,
    plot_signal,
    plot_encoding,
    plot_reconstruction,
    plot_leaderboard,
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
        "gradient_norm": np.geomspace(100, 0.1, 8),
        "l1": np.full(8, np.nan),
        "validation_reconstruction": np.linspace(8.5, 2, 8),
        "validation_kl": np.linspace(3, 1.2, 8),
        "validation_mse": np.linspace(0.04, 0.02, 8),
        "score": [1.0, 9, 8, 7, 6, 5, 5.5, 6],  # the lowest is in the warm-up
    }
)


def make_trials():
    table = pd.DataFrame(
        {
            "depth": [1, 1, 0, 0, 1, 0],
            "hidden_dim": [100, 300, np.nan, np.nan, 100, np.nan],
            "learning_rate": [0.001, 0.001, 0.001, 0.002, 0.002, 0.1],
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
        }
    )
    return order(table)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Write the files of one small cell; the keys are the arguments of the figures."""
    tmp_path = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(3)
    obs = make_obs(rng)
    codes = make_codes(rng, obs)
    sample = pd.Series(obs.index)
    matrix, associations = str(tmp_path / "expression.h5ad"), str(tmp_path / "associations.tsv")
    genes = pd.Index([f"G{i}" for i in range(30)])
    write_matrix(matrix, rng.random((len(obs), 30), "float32"), obs, pd.DataFrame(index=genes), {})
    axes = ["tsne_1", "tsne_2", "pca_1", "pca_2"]
    embedding = pd.DataFrame(rng.normal(size=(len(obs), 4)), columns=axes)
    embedding.insert(0, "sample", sample)
    encoding = codes.reset_index()
    errors_of_genes = pd.DataFrame({"gene": genes, "mse_train": rng.random(30)})
    errors_of_genes["mse_test"] = np.arange(30) / 100
    errors_of_samples = obs.reset_index()[["sample", "split", "cancer_type"]]
    errors_of_samples = errors_of_samples.assign(mse=rng.random(len(obs)) / 50)
    leaderboard = pd.DataFrame(
        {
            "model": ["vae", "pca"],
            "tuner": ["grid", "none"],
            "module": ["vae", "pca"],
            "mse_test": [0.02, 0.01],
            "knn_accuracy": [0.9, 0.8],
            "knn_low": [0.85, 0.7],
            "knn_high": [0.95, 0.9],
        }
    )
    colours = pd.DataFrame({"acronym": list(COLOURS), "color": list(COLOURS.values())})
    files = {
        "matrix": matrix,
        "embedding": save(embedding, tmp_path / "embedding.tsv"),
        "encoding": save(encoding, tmp_path / "encoding.tsv.gz"),
        "colours": save(colours, tmp_path / "cohorts.tsv"),
        "history": save(HISTORY, tmp_path / "history.tsv"),
        "trials": save(make_trials(), tmp_path / "trials.tsv"),
        "reconstruction_genes": save(errors_of_genes, tmp_path / "genes.tsv.gz"),
        "reconstruction_samples": save(errors_of_samples, tmp_path / "samples.tsv.gz"),
        "leaderboard": save(leaderboard, tmp_path / "leaderboard.tsv"),
        "associations": associations,
        "title": "study · model · tuner",
        "objective": "elbo",
        "signal": "sex",
        "question": SEX,
    }
    meaning.associate_features(matrix, files["encoding"], {"sex": SEX}, 0, associations)
    return SimpleNamespace(
        files=files, obs=obs, codes=codes, embedding=embedding.set_index("sample"), path=tmp_path
    )


def draw(figure_of, study, **changed):
    """Draw without saving, in the style of the workflow."""
    arguments = inspect.signature(figure_of.__wrapped__).parameters
    values = {name: (study.files | changed)[name] for name in arguments}
    with matplotlib.style.context(["default", style.STYLE]):
        return figure_of.__wrapped__(**values)


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def save_both(figure_of, study, name):
    arguments = inspect.signature(figure_of.__wrapped__).parameters
    png, pdf = study.path / f"{name}.png", study.path / f"{name}.pdf"
    figure_of(**{key: study.files[key] for key in arguments}, png=str(png), pdf=str(pdf))
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
    for question in (SEX, {"covariate": "cancer_type", "positive": ["SKCM", "UVM"], "within": ""}):
        params = SimpleNamespace(signal="sex", question=question, objective="elbo", title="t")
        snakemake = SimpleNamespace(wildcards=wildcards, params=params)
        html = render(ROOT / f"workflow/report/{figure_of.__name__}.rst", snakemake=snakemake)
        assert "tcga" in html
        assert "{" not in html


def test_opening_page_lists_every_study():
    studies = [
        {"datasets": ["tcga"], "models": ["vae", "pca"], "tuners": ["grid"]},
        {"datasets": ["demo"], "models": ["adage"]},
    ]
    html = render(
        ROOT / "workflow/report/workflow.rst",
        snakemake=SimpleNamespace(config={"studies": studies}),
    )
    for word in ("tcga", "vae, pca", "grid", "demo", "adage", "none"):
        assert word in html


# Maps


@pytest.mark.parametrize("figure_of", [plot_map, plot_gene_map])
def test_map_points_have_the_colour_of_their_type(figure_of, study):
    figure = draw(figure_of, study)
    types = study.obs["cancer_type"].replace("", palette.NO_TYPE)
    expected = COLOURS | {"CCC": palette.SAFE_COLOURS[0], palette.NO_TYPE: style.GREY}
    for axes, columns in zip(figure.axes, (["tsne_1", "tsne_2"], ["pca_1", "pca_2"]), strict=True):
        drawn = {points.get_label(): points for points in axes.collections}
        assert set(drawn) == set(types)
        for name, points in drawn.items():
            places = study.embedding.loc[types == name, columns].to_numpy()
            np.testing.assert_allclose(np.asarray(points.get_offsets()), places)
            assert to_hex(points.get_facecolor()[0]) == to_hex(expected[name])


def test_map_legend_is_complete_and_counts(study):
    legend = draw(plot_map, study).legends[0]
    counts = study.obs["cancer_type"].replace("", palette.NO_TYPE).value_counts()
    shown = dict(re.split(r"  ", text.get_text()) for text in legend.get_texts())
    assert shown == {name: str(count) for name, count in counts.items()}


def test_map_labels_do_not_overlap(study):
    figure = draw(plot_map, study)
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in axes.texts]
        assert boxes
        assert not any(
            one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[i + 1 :]
        )


def test_map_without_cancer_types_is_grey(study):
    obs = study.obs.drop(columns="cancer_type")
    matrix = str(study.path / "plain.h5ad")
    write_matrix(matrix, np.zeros((len(obs), 1), "float32"), obs, pd.DataFrame(index=["G"]), {})
    figure = draw(plot_map, study, matrix=matrix)
    (points,) = figure.axes[0].collections
    assert to_hex(points.get_facecolor()[0]) == to_hex(style.GREY)


def test_map_of_another_dataset_is_refused(study):
    table = study.embedding.rename(index={"s003": "stranger"}).reset_index()
    with pytest.raises(InputError, match="stranger"):
        draw(plot_map, study, embedding=save(table, study.path / "other.tsv"))


def test_a_type_looks_the_same_whatever_else_is_drawn(study):
    alone = palette.cancer_type_looks(["BBB"], study.files["colours"])["BBB"]
    assert palette.cancer_type_looks(["AAA", "BBB", "Z"], study.files["colours"])["BBB"] == alone


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
        palette.cancer_type_looks(["AAA"], path)


# Training and tuning


def test_history_draws_every_column(study):
    figure = draw(plot_history, study)
    drawn = {line.get_label(): line for axes in figure.axes for line in axes.lines}
    for column in HISTORY.columns.drop(["epoch", "eligible"]):
        np.testing.assert_array_equal(drawn[column].get_ydata(), HISTORY[column])
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:4] == ["loss", "reconstruction", "KL", "KL weight"]
    assert "not recorded" in texts(figure)  # l1 holds no value


def test_best_epoch_is_sought_after_the_warm_up(study):
    assert best_epoch(HISTORY) == 6
    assert best_epoch(HISTORY.assign(eligible=True)) == 1
    assert best_epoch(HISTORY.head(4)) == 4  # a warm-up that never ended: the last epoch
    lines = draw(plot_history, study).axes[0].lines
    assert [line.get_xdata()[0] for line in lines if line.get_label() == "best epoch"] == [6]


def test_history_of_a_model_fitted_in_one_step_shows_every_number(study):
    row = pd.DataFrame(
        {"epoch": [1], "eligible": [True], "reconstruction": [0.0125], "validation_mse": [0.0375]}
    )
    shown = texts(draw(plot_history, study, history=save(row, study.path / "one.tsv")))
    assert {"reconstruction", "0.0125", "MSE", "0.0375"} <= set(shown)


def test_trials_star_is_the_setting_that_is_trained():
    table = make_trials()
    records = {
        name: [{"module": "vae", "objective": "elbo", "hyperparameters": {}}]
        for name in table["trial"]
    }
    chosen = chosen_setting(table[np.isfinite(table["mean"])])
    assert table["trial"].iloc[chosen] == winner(table, records, 6, 18)["trial"] == "c3"


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
    path = save(make_trials().iloc[rows].assign(tied="not tested"), study.path / "few.tsv")
    assert texts(draw(plot_trials, study, trials=path))


def test_trials_of_an_unknown_objective_are_refused(study):
    with pytest.raises(InputError, match="objective"):
        draw(plot_trials, study, objective="loss")


# Signals


def test_signal_shows_the_auroc_of_the_table(study):
    row = pd.read_csv(study.files["associations"], sep="\t").iloc[0]
    assert row["feature"] == "z2"
    assert row["auroc_train"] < 0.5  # lower in males: shown as -z2, whose AUROC is the complement
    headline = draw(plot_signal, study).axes[0].get_title(loc="left")
    low, high = 1 - row["auroc_test_high"], 1 - row["auroc_test_low"]
    expected = f"test AUROC of −z2: {1 - row['auroc_test']:.3f} ({low:.3f}–{high:.3f})"
    assert headline.startswith(expected)


def test_signal_draws_the_planted_pair_of_the_right_samples(study):
    figure = draw(plot_signal, study)
    left = figure.axes[0]
    assert figure.get_suptitle() == "sex: z2 and z3"
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


def test_signal_pair_is_judged_on_samples_that_took_no_part(study):
    """Turning the test samples' codes around changes the judgement, not the choice."""
    codes = study.codes.copy()
    test = study.obs["split"] == "test"
    codes.loc[test] = -codes.loc[test]
    path = save(codes.reset_index(), study.path / "turned.tsv.gz")
    figure = draw(plot_signal, study, encoding=path)
    assert figure.get_suptitle() == "sex: z2 and z3"
    before, after = (
        float(re.search(r"of the pair: ([\d.]+)", f.axes[0].get_title(loc="left"))[1])
        for f in (draw(plot_signal, study), figure)
    )
    assert before > 0.9
    assert after < 0.1


def test_signal_with_a_single_feature_has_no_partner(study):
    path = save(study.codes[["z2"]].reset_index(), study.path / "single.tsv.gz")
    figure = draw(plot_signal, study, encoding=path)
    assert figure.get_suptitle() == "sex: z2"
    assert "pair" not in figure.axes[0].get_title(loc="left")


def test_signal_that_cannot_be_tested_says_so(study):
    question = {"covariate": "cancer_type", "positive": ["nowhere"]}
    associations = str(study.path / "nowhere.tsv")
    meaning.associate_features(
        study.files["matrix"], study.files["encoding"], {"sex": question}, 0, associations
    )
    figure = draw(plot_signal, study, question=question, associations=associations)
    assert any(text.startswith("Not testable") for text in texts(figure))


def test_unknown_signal_is_refused(study):
    with pytest.raises(InputError, match="did you mean 'sex'"):
        draw(plot_signal, study, signal="sexx")


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
    palette_of = heat_map.annotations(study.obs, study.files["colours"])
    for bar, (labels, colours) in zip(bars, palette_of.values(), strict=True):
        image = bar.images[0]
        colour = image.cmap(image.norm(image.get_array()[:, 0]))
        expected = [to_rgba(colours[label]) for label in labels.iloc[rows]]
        np.testing.assert_allclose(colour, expected)


@pytest.mark.parametrize("absent", [["sex"], ["sex", "sample_type"], ["cancer_type"]])
def test_encoding_has_bars_only_for_declared_columns(study, absent):
    obs = study.obs.drop(columns=absent)
    matrix = str(study.path / "fewer.h5ad")
    write_matrix(matrix, np.zeros((len(obs), 1), "float32"), obs, pd.DataFrame(index=["G"]), {})
    figure = draw(plot_encoding, study, matrix=matrix)
    assert len(figure.axes) == 3 - len(absent) + 2
    shown = set(texts(figure))
    assert not shown & {name.replace("_", " ") for name in absent}


def test_encoding_legend_has_all_types(study):
    labels = {text.get_text() for text in draw(plot_encoding, study).legends[0].get_texts()}
    assert {"AAA", "BBB", "CCC", palette.NO_TYPE, "female", "male", "Primary Tumor"} <= labels


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


def test_reconstruction_of_two_parts_is_judged_on_validation(study):
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
    assert (
        figure.get_suptitle() == "Reconstruction error, validation samples against training samples"
    )
    named = [text.get_text() for text in worst_panel(figure).get_yticklabels()]
    assert named == ["A", "B"]


def test_types_are_ordered_by_their_median_error():
    samples = pd.DataFrame({"split": ["train", "test"] * 3, "mse": [5.0, 6, 1, 2, 3, 4]})
    types = pd.Series(["hard", "hard", "easy", "easy", "middle", "middle"])
    assert errors.order_types(samples, types, "test") == ["easy", "middle", "hard"]


def test_comparison_marks_best_and_baseline(study):
    figure = draw(plot_leaderboard, study)
    mse, accuracy = figure.axes
    assert mse.get_title() == "← MSE test\nbest 0.01"
    assert accuracy.get_title() == "KNN accuracy →\nbest 0.9"
    assert [line.get_xdata()[0] for line in accuracy.lines if line.get_linestyle() == "--"] == [0.8]


def test_measures_find_their_intervals_and_their_better_side():
    table = pd.DataFrame(
        [[1.0, 0.5, 1.5, 0.9, 0.8, 1.0, np.nan, 7]],
        columns=["knn_accuracy", "knn_low", "knn_high", "a", "a_low", "a_high", "empty", "epochs"],
    )
    assert measures_of(table) == {"knn_accuracy": ("knn_low", "knn_high"), "a": ("a_low", "a_high")}
    assert lower_is_better("mse_test")
    assert not lower_is_better("sex_auroc")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(3000100, "3,000,100"), (0.0005, "0.0005"), (2646.52, "2,646.5"), (np.nan, "–"), (1.0, "1")],
)
def test_numbers_are_written_for_people(value, shown):
    assert style.number(value) == shown
