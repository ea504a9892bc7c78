"""Controls: registered in one place, carried by tables and figures of any task."""

import numpy as np
import pandas as pd
import pytest

from tybalt.analysis.control_rows import models_of, names_of_rows, with_controls
from tybalt.figures.plot_leaderboard import best_of_alike, draw_comparison
from tybalt.plan import controls
from tybalt.plan.controls import CONTROLS, Control
from tybalt.plan.models_and_tuners import available

MADE_UP = (
    Control("copies", "control", "training samples given back as they are"),
    Control("independent genes", "floor", "every gene is drawn for itself"),
    Control("class means", "bar", "the mean of each class", module="means"),
    Control("real samples", "ceiling", "samples that no model has seen"),
)


@pytest.fixture
def task(monkeypatch):
    monkeypatch.setitem(controls.CONTROLS, "invent", MADE_UP)
    return "invent"


def table_of(task):
    models = pd.DataFrame(
        {
            "model": ["gan", "simple"],
            "tuner": ["grid", "none"],
            "module": ["gan", "means"],
            "evaluated_on": "test",
            "fidelity": [0.8, 0.6],
            "distance_error": [0.3, 0.5],
            "trainings": [4, 1],
            "warnings": ["", ""],
        }
    )
    computed = {
        "copies": {"fidelity": 1.0},
        "independent genes": {"fidelity": 0.4, "distance_error": 0.7},
        "real samples": {"fidelity": 0.95, "distance_error": 0.1},
    }
    return with_controls(models, task, computed)


@pytest.mark.parametrize("task", CONTROLS)
def test_controls_have_names_of_their_own_and_modules_that_exist(task):
    names = [control.name for control in CONTROLS[task]]
    assert len(names) == len(set(names))
    assert {each.kind for each in CONTROLS[task]} >= {"floor", "bar"}
    assert {each.module for each in CONTROLS[task]} - {None} <= set(available("models"))
    assert all(" " in name for name in names), "so no model can have this name"


def test_a_table_of_a_new_task_carries_its_controls(task):
    table = table_of(task)
    expected = [None, "class means", "copies", "independent genes", "real samples"]
    assert table["control"].where(table["control"].notna(), None).tolist() == expected
    assert names_of_rows(table) == ["gan · grid", "simple", *expected[2:]]
    assert len(models_of(table)) == 2
    assert table["trainings"].astype(str).tolist() == ["4", "1", "<NA>", "<NA>", "<NA>"]


def test_a_control_that_is_not_computed_or_not_registered_is_refused(task):
    models = models_of(table_of(task)).drop(columns="control")
    with pytest.raises(ValueError, match="invent: computed are"):
        with_controls(models, task, {"copies": {}})


def test_a_figure_of_a_new_task_draws_its_lines_with_their_words(task):
    figure = draw_comparison(table_of(task), task, "made up")
    fidelity, distance = figure.axes
    lines = {line.get_linestyle(): line.get_xdata()[0] for line in lines_through(fidelity)}
    assert lines == {":": 0.4, "--": 0.6, "-.": 0.95}
    assert fidelity.get_title() == "fidelity →\nbest 0.8", "neither a ceiling nor a bad control"
    assert distance.get_title() == "← distance error\nbest 0.3"
    labels = [label.get_text() for label in fidelity.get_yticklabels()]
    assert labels == names_of_rows(table_of(task))
    (legend,) = figure.legends
    words = [text.get_text().replace("\n", " ") for text in legend.get_texts()]
    assert words[2:] == [f"{control.kind}: {control.name}" for control in MADE_UP]


def test_a_control_far_from_all_models_is_written_and_does_not_squeeze_them(task):
    table = table_of(task).assign(fidelity=[0.8, 0.7, np.nan, 0.1, 0.9])
    panel = draw_comparison(table, task, "made up").axes[0]
    assert {line.get_linestyle() for line in lines_through(panel)} == {"--", "-."}
    assert panel.get_xlim()[0] > 0.6
    assert [text.get_text() for text in panel.texts] == ["← 0.1"]


def test_one_model_alone_is_drawn_with_all_controls(task):
    panel = draw_comparison(table_of(task).iloc[[0, 3]], task, "made up").axes[0]
    assert len(lines_through(panel)) == 1 and not panel.texts


def lines_through(panel):
    """Lines that go through a whole panel."""
    return [line for line in panel.lines if list(line.get_ydata()) == [0, 1]]


def test_only_models_of_the_same_blocks_compete():
    table = pd.DataFrame({"blocks": ["rna", "rna", "rna, protein", np.nan]})
    compared = np.array([0.2, 0.1, 0.1, np.nan])
    assert best_of_alike(table, compared, lower=True) == {0.1: ["rna", "rna, protein"]}
    assert best_of_alike(table, compared, lower=False) == {0.2: ["rna"], 0.1: ["rna, protein"]}
    assert best_of_alike(table.drop(columns="blocks"), compared, lower=True) == {0.1: [""]}
