"""The table of published figures, and the figure that draws ours beside them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tybalt.figures.plot_published import comparable, plot_published
from tybalt.jobs.files import read_table, write_table

TABLE = str(Path(__file__).parents[2] / "resources" / "published.tsv")


@pytest.fixture
def published():
    return read_table(TABLE)


def history(path, bce_in_loss: bool) -> str:
    bce = np.linspace(0.56, 0.54, 4)
    columns = {
        "epoch": range(1, 5),
        "reconstruction": 5000 * bce + 20,
        "validation_bce": bce,
        "validation_mse": bce / 30,
        "validation_reconstruction": 5000 * bce if bce_in_loss else bce * 99,
    }
    write_table(pd.DataFrame(columns), path)
    return path


def lines_of(figure) -> dict[str, tuple[list, list]]:
    return {
        line.get_label().split(":")[0]: (list(line.get_xdata()), list(line.get_ydata()))
        for line in figure.axes[0].lines
    }


def test_every_figure_has_a_source_and_a_scale(published):
    assert published["source"].str.match("https://").all()
    assert published[["model", "measure", "held_out", "configuration"]].notna().all(axis=None)
    assert not published.duplicated(
        ["model", "architecture", "statistic", "measure", "epoch"]
    ).any()


def test_only_figures_on_our_scale_are_drawn(published):
    vae = comparable(published, "vae", "bce", 5000)
    assert set(vae["architecture"].str[:5]) == {"5000-"}
    assert set(vae["measure"]) == {"bce"}
    assert (vae["statistic"] == "curve").sum() == 7
    assert comparable(published, "vae", "bce", 1000).empty


def test_our_validation_loss_is_summed_over_genes(tmp_path):
    path = history(str(tmp_path / "h.tsv"), bce_in_loss=True)
    lines = lines_of(plot_published.__wrapped__(path, TABLE, "vae", 5000, "tcga · m"))
    assert lines["validation, this study"] == (
        [1, 2, 3, 4],
        pytest.approx([2800, 2766.667, 2733.333, 2700]),
    )
    assert lines["training, this study"][1][0] == pytest.approx(2820)
    assert lines["held out, published"][0] == [1, 2, 5, 10, 25, 50, 100]
    assert lines["training, published"][1][0] == 3000.9
    assert lines["published model"] == ([50], [2675.81])


def test_a_training_loss_of_another_kind_is_not_drawn(tmp_path):
    path = history(str(tmp_path / "h.tsv"), bce_in_loss=False)
    lines = lines_of(plot_published.__wrapped__(path, TABLE, "vae", 5000, "tcga · m"))
    assert "training, this study" not in lines
    lines = lines_of(plot_published.__wrapped__(path, TABLE, "adage", 5000, "tcga · m"))
    assert lines["validation, this study"][1][0] == pytest.approx(0.56 / 30)
    assert lines["best of 324"] == ([100], [0.014498])


def test_another_number_of_genes_says_so(tmp_path):
    path = history(str(tmp_path / "h.tsv"), bce_in_loss=True)
    figure = plot_published.__wrapped__(path, TABLE, "vae", 1000, "tcga · m")
    assert "Nothing is published for vae on 1,000 genes." in [
        text.get_text() for text in figure.texts
    ]


def test_every_figure_of_the_basics_has_a_source():
    basics = read_table(TABLE.replace("published.tsv", "published_basics.tsv"))
    assert basics["source"].str.startswith("https://").all()
    assert set(basics["experiment"]) == {"curve", "search", "latent"}
    assert (basics["loss"] > 0).all()
