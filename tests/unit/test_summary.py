"""The page of a study: numbers are those of the tables, warnings name what is wrong."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from shared_study import (
    EXPERIMENTS,
    ROLES,
    findings,
    leaderboard,
    make_study,
    provenance,
    ranking,
)

from tybalt.analysis.findings import finding_of
from tybalt.analysis.rotation_comparison import COMPARISON_COLUMNS
from tybalt.jobs.files import write_table
from tybalt.pages import summary
from tybalt.pages.html import render
from tybalt.pages.repeats import repeat_in_words

ROOT = Path(__file__).resolve().parents[2]


def rotation_table(folder):
    columns = [*COMPARISON_COLUMNS, "sex train", "sex test"]
    rows = [("none", 7, 48, 132, 14, 49, 0.6, 0, 0.74, 0.55, 0.79, 0.795)]
    rows += [("varimax", 6, 13, 29, 15, 16, 0.44, 13, 0.976, 0.6, 0.97, 0.907)]
    write_table(pd.DataFrame(rows, columns=columns), folder / "rotation.tsv")
    return str(folder / "rotation.tsv")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    study = make_study(folder)
    for rule, seconds in (("train_trial", 60.0), ("plot_embedding", 2.0)):
        path = folder / "benchmarks" / rule / "toy" / "vae" / "grid.tsv"
        path.parent.mkdir(parents=True)
        write_table(pd.DataFrame({"s": [seconds], "max_rss": [1024.0]}), path)
    pictures = [
        folder / "gene_embedding.png",
        *(folder / experiment[0] / experiment[1] for experiment in EXPERIMENTS),
    ]
    pictures = [pictures[0], *(path / "embedding.png" for path in pictures[1:])]
    for path in pictures:
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (2000, 1125), "white").save(path)
    gmt = folder / "sets.gmt"
    gmt.write_text("S\t\t" + "\t".join(f"MOUSE{i}" for i in range(30)) + "\n")
    summary.write_summary(
        samples=study["samples"],
        matrix=study["matrix"],
        tables=[study["columns"], study["testable"], study["maps"]],
        leaderboard=study["leaderboard"],
        trials=study["trials.tsv"],
        findings=study["findings.tsv"],
        provenances=study["model.provenance.json"],
        pictures=[str(path) for path in pictures],
        rotations=[rotation_table(folder)],
        dataset={
            "name": "toy",
            "roles": ROLES,
            "repeats": ["toy"],
            "split": {"method": "stratified"},
            "experiments": EXPERIMENTS,
            "rotated": EXPERIMENTS[1:],
            "gene_sets": [str(gmt)],
            "benchmarks": str(folder / "benchmarks"),
        },
        summary=str(folder / "summary.html"),
    )
    return (folder / "summary.html").read_text(encoding="utf-8")


def test_the_headline_names_the_best_models(page):
    assert "2 models were trained on toy: 240 samples, 20 genes, 5 trainings." in page
    assert "On test samples, pca reconstructs expression best: R² = 0.70." in page
    assert "on the code of vae · grid predicts cancer type with 90 % accuracy (80 to 100 %" in page


def test_rotated_features_stand_beside_the_codes(page):
    row = '<th scope="row">pca</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td>'
    numbers = "<td>0.60</td><td>0.74</td><td>0.55</td><td>sex 0.80</td>"
    assert row.format("none", 7, 132, 14) + numbers in page
    numbers = "<td>0.44</td><td>0.98</td><td>0.60</td><td>sex 0.91</td>"
    assert row.format("varimax", 6, 29, 15) + numbers in page


def test_models_findings_costs_and_sources_are_on_the_page(page):
    for text in (
        "61.2 %", "90 % (80–100 %)", "kappa 0.1", "not searched",  # models
        "z1, lower", "0.95 (0.90–0.99)", "0.99 (0.97–1.00); one feature", "16 / 32",
        "higher in positive samples: XIST, KRT5",
        ">confirmed<", "not testable: fewer than 10",
        "t-SNE of genes", "PCA of codes of vae · grid",
        "<td>42 %</td><td>55 %</td><td>0.98</td><td>91 %</td>",
        "train_trial", "60 s", "1.0 GiB",
        "10.1142/9789813235533_0008", "Way and Greene (2018)",
    ):  # fmt: skip
        assert text in page, text
    assert "144 train, 48 validation, 48 test" in page


def test_controls_stand_in_the_table_in_words(page):
    assert '>pca<br><span class="small">bar: linear baseline</span></th><td>70.0 %</td>' in page
    assert '>mean sample<br><span class="small">floor</span></th><td>0.0 %</td><td>–</td>' in page
    assert "the mean training sample, whatever the sample is" in page


def test_a_model_that_does_not_clear_the_bar_is_named(page):
    assert (
        "vae · grid does not clear the bar in every measure of the table of models: variance "
        "explained 61.2 %, pca (linear baseline) 70.0 %." in page
    )


def test_a_model_is_compared_with_the_best_bar_in_what_both_were_measured_in():
    board = leaderboard()
    second = board.iloc[[0]].assign(model="larger", explained=0.8, knn_accuracy=0.95)
    board = pd.concat([board, second], ignore_index=True)
    (line,) = summary.against_the_bar(board, "tissue")
    assert line == (
        "vae · grid does not clear the bar in any measure of the table of models: variance "
        "explained 61.2 %, larger (linear baseline) 80.0 %; tissue, kNN accuracy 90.0 %, larger "
        "(linear baseline) 95.0 %."
    )
    good = board.assign(explained=[0.7, 0.9, 0, 0.8], knn_accuracy=np.nan)
    assert summary.against_the_bar(good, "tissue") == []


def test_a_dataset_without_a_bar_says_so():
    (line,) = summary.against_the_bar(leaderboard().iloc[1:], "tissue")
    assert line.startswith("No linear baseline was run,") and "module: pca" in line


def blocks_board():
    """Two models of RNA and one of both blocks, PCA the better one of RNA."""
    board = leaderboard().iloc[[0, 1, 1]].reset_index(drop=True)
    return board.assign(
        model=["pca", "vae", "vae-both"],
        blocks=["rna", "rna", "rna, methylation"],
        samples=[150, 150, 200],
        explained=[0.7, 0.6, 0.9],
        control=["linear baseline", np.nan, np.nan],
    )


def test_models_compare_with_those_that_see_the_same_blocks():
    board = blocks_board()
    named = [(blocks, len(models)) for blocks, models in summary.by_blocks(board)]
    assert named == [("rna", 2), ("rna, methylation", 1)]
    lines = summary.against_the_bar(board, "type")
    assert any("vae · grid does not clear the bar" in line for line in lines)
    assert any("No linear baseline was run on rna, methylation" in line for line in lines)
    assert not any("vae-both" in line for line in lines)


def test_samples_that_lack_a_block_are_counted():
    counts = {
        "rna": {"samples": 150, "lacking": 50, "left_out": 0},
        "methylation": {"samples": 210, "lacking": 0, "left_out": 10},
    }
    lines = summary.gaps(blocks_board(), counts)
    assert lines[0].startswith("50 samples have no rna: training means stand there")
    assert lines[1].startswith("10 samples of methylation were left out")
    assert "Errors and R² compare only models that see the same blocks." in lines
    assert "pca sees only rna: 150 of 200 samples have a code, and only they count." in lines
    assert len(lines) == 5
    assert summary.gaps(leaderboard(), {}) == []


def test_warnings_name_dead_features_ties_and_drift(page):
    assert "vae · grid: 2 of 3 features are dead." in page
    assert "vae · grid: its kappa 0.1 is the smallest of the 2 that were tried." in page
    assert "vae · grid: 1 other settings cannot be told from the best." in page
    assert "Files behind this page were made with numpy 1.0 and 2.0." in page
    assert "rare in pca: not testable: fewer than 10" in page


def test_what_was_lost_of_the_tables_is_on_the_page(page):
    assert "<li>table.tsv: 3 cells are &lt;missing&gt;.</li>" in page
    assert "stage: 3 values are not understood and count as missing (Stage X, odd)." in page
    assert "mutation_burden: known of 100 of 240 samples only." in page
    assert "Nothing is asked of columns of the clinical table" in page and "(1: my_column)" in page
    assert "sets.gmt: the matrix has 0.0 % of the genes of its sets" in page


def test_the_page_is_complete_in_itself_and_small(page):
    assert page.count("data:image/png;base64,") == 2  # genes, and the only trained model
    assert 'src="http' not in page and '<link rel="stylesheet"' not in page
    assert len(page) < 500_000


def test_an_answer_is_turned_to_the_direction_seen_in_training():
    first, rare, age = (finding_of(row) for row in findings().to_dict("records"))
    assert not first.higher and first.confirmed
    expected = pytest.approx((0.98, 0.95, 0.9, 0.99))
    assert (first.train, first.test, first.low, first.high) == expected
    assert rare.outcome == "not testable: fewer than 10" and not rare.confirmed
    assert (age.train, age.test, age.measure) == (0.6, 0.5, "ρ")
    assert (first.samples, age.samples) == ("16 / 32", "48")


def test_what_the_split_cannot_test_is_on_the_page(page):
    assert (
        "Of 2 contrasts 1 can be tested with split.test 0.2, of the 2 that the config names 1 "
        "(rare: 4 positive test patients, fewer than 10); with split.test 0.3, which leaves fewer "
        "samples to train on, 2 (2 of those named)." in page
    )
    assert "<li>240 samples, split once: with fewer than 500, luck has a large part" in page
    assert "Repeats of the split" not in page and "This is repeat" not in page


def test_repeats_are_compared_on_the_page_of_the_first_and_linked_from_the_others():
    repeats = {
        "models": [{"name": "pca", "values": ["60.0 % (50.0–70.0 %)"], "best": "0 of 3"}],
        "contrasts": [
            {
                "contrast": "sex",
                "model": "pca",
                "testable": "3 of 3",
                "confirmed": "1 of 3",
                "effect": "0.75 (0.50–0.95)",
            }
        ],
        "others": ["pca: of 1 further contrasts 1 are confirmed in some repeat, 0 in all 3."],
    }
    names = ["toy", "toy-repeat-2", "toy-repeat-3"]
    first, second = (
        render_page(repeat=repeat_in_words(name, names), repeats=compared)
        for name, compared in (("toy", repeats), ("toy-repeat-2", None))
    )
    assert "The samples were split 3 times" in first
    link = '<a href="../toy-repeat-{0}/summary.html">toy-repeat-{0}</a>'
    assert f"{link.format(2)}, {link.format(3)}" in first
    for text in (
        "60.0 % (50.0–70.0 %)",
        "0 of 3",
        "0.75 (0.50–0.95)",
        "1 of 3",
        repeats["others"][0],
    ):
        assert text in first and text not in second
    assert 'This is repeat 2 of 3, with a split of its own; the <a href="../toy/summ' in second


def render_page(**values):
    """Fill in the page of a study of which nothing else is known."""
    empty = dict.fromkeys(("title", "style", "groups", "label", "evaluated_on", "made"), "")
    empty |= dict.fromkeys(("headline", "board", "headings", "findings", "others"), [])
    empty |= dict.fromkeys(("embeddings", "warnings", "pictures", "costs", "citations"), [])
    empty["rotations"] = []
    return render("summary.html", **{**empty, "parts": {}, **values})


def test_contrasts_that_no_one_named_are_counted(page):
    assert "vae · grid: of further contrasts 1 of 1 that could be tested are confirmed" in page
    assert "among them age (z3, ρ 0.50); partly confirmed 0, too few samples 0." in page


def test_untestable_contrasts_are_in_no_denominator():
    rare = findings().to_dict("records")[1] | {"named": "no"}
    partly = rare | {"verdict": "partly confirmed"}
    found = [finding_of(row) for row in (rare, rare, partly)]
    line = summary.other_findings(("pca", "none"), found)
    assert "0 of 1 that could be tested are confirmed; partly confirmed 1" in line
    assert line.endswith("too few samples 2.")


def test_marks_of_a_finding_are_on_the_page(page):
    marks = "<td>yes</td><td>yes (0.87)</td><td>yes</td><td>0.91</td>"
    assert marks in page
    assert "<td>–</td><td>no</td><td>no</td><td>–</td>" in page


def test_a_search_without_doubt_has_no_warning():
    table = ranking({"kappa": [0.1, 1.0]}).assign(tied=["yes", "no"])
    assert summary.search_warnings(table) == []


def test_diverged_and_unfinished_settings_are_counted():
    table = ranking({"kappa": [0.1, 1.0]}).assign(
        tied=["yes", "no"], status=["ok", "diverged"], warnings=[None, "the warm-up had not ended"]
    )
    assert summary.search_warnings(table) == [
        "1 settings diverged.", "the warm-up had not ended in 1 settings.",
    ]  # fmt: skip


def test_files_of_one_making_do_not_drift():
    assert summary.drift([provenance("1.0"), provenance("1.0")]) == []


def test_times_are_written_for_people():
    assert [summary.duration(s) for s in (5, 600, 7200)] == ["5 s", "10 min", "2.0 h"]


def test_no_benchmark_is_no_failure(tmp_path):
    assert summary.costs(tmp_path, "toy") == []


def test_a_measure_that_is_missing_is_a_dash():
    assert summary.measure("knn_accuracy", {"knn_accuracy": np.nan}) == "–"


def test_the_embedding_by_genes_stands_before_that_of_the_best_trained_model():
    board = pd.DataFrame(
        {"model": ["pca", "vae"], "tuner": ["none", "grid"], "epochs": [1, 40]},
    )
    paths = [f"toy/{place}embedding.png" for place in ("pca/none/", "vae/grid/", "figures/gene_")]
    assert summary.chosen_pictures(paths, board) == [paths[2], paths[1]]
    assert summary.chosen_pictures([], board) == []
