"""One sentence says whether a neural model beats the linear baseline, and where."""

import numpy as np
import pandas as pd
from shared_study import leaderboard

from tybalt.analysis.neural_against_bar import neural_against_bar


def board(**changed):
    return leaderboard().assign(**changed)


def test_what_is_won_and_what_is_lost_stand_in_one_sentence():
    assert neural_against_bar(board(), "tissue") == [
        "Neural models beat the linear baseline (pca) on test samples in kNN accuracy of tissues "
        "(vae · grid 90.0 % against 50.0 %); they are behind in variance explained (vae · grid "
        "61.2 % against 70.0 %)."
    ]


def test_a_larger_value_within_the_interval_of_the_bar_is_no_win():
    (line,) = neural_against_bar(board(knn_low=[0.4, 0.55, np.nan]), "tissue")
    assert line.startswith("No neural model beats the linear baseline (pca) on test samples; they ")
    assert "cannot be told from it in kNN accuracy of tissues (vae · grid 90.0 % against" in line


def test_the_best_of_several_neural_models_is_named_for_each_measure():
    other = leaderboard().iloc[[1]].assign(model="adage", explained=0.8, knn_accuracy=0.2)
    table = pd.concat([leaderboard(), other], ignore_index=True)
    (line,) = neural_against_bar(table, "tissue")
    assert "in variance explained (adage · grid 80.0 % against 70.0 %) and kNN accuracy" in line
    assert "(vae · grid 90.0 %" in line and "behind" not in line and "told" not in line


def test_contrasts_are_compared_and_a_tie_is_no_win():
    table = board(knn_accuracy=np.nan, auroc_sex=[1.0, 1.0, np.nan], readout_sex=[0.9, 0.8, np.nan])
    table = table.assign(auroc_sex_low=[0.9, 0.8, np.nan], auroc_sex_high=[1.0, 1.0, np.nan])
    (line,) = neural_against_bar(table, "tissue")
    assert line == (
        "No neural model beats the linear baseline (pca) on test samples; they cannot be told from "
        "it in the best feature for sex (vae · grid 1.00 against 1.00), as intervals overlap; they "
        "are behind in variance explained (vae · grid 61.2 % against 70.0 %) and the whole code "
        "for sex (vae · grid 0.80 against 0.90)."
    )


def test_a_board_of_which_nothing_is_measured_has_no_win():
    table = board(knn_accuracy=np.nan, explained=np.nan)
    (line,) = neural_against_bar(table, "tissue")
    assert line == "No neural model beats the linear baseline (pca) on test samples."


def test_nothing_is_said_without_a_bar_or_a_neural_model():
    assert neural_against_bar(leaderboard().iloc[1:], "tissue") == []
    assert neural_against_bar(board(epochs=[1, 1, np.nan]), "tissue") == []


def test_models_of_other_blocks_are_compared_apart():
    table = leaderboard().iloc[[0, 1, 1]].reset_index(drop=True)
    table = table.assign(blocks=["rna", "rna", "rna, methylation"], explained=[0.7, 0.6, 0.9])
    (line,) = neural_against_bar(table, "tissue")
    assert "of those that see rna" in line and "90.0 % against 50.0 %" in line


def test_a_model_that_has_not_learned_beats_nothing():
    (line,) = neural_against_bar(board(mark=["", "as started", np.nan]), "tissue")
    assert line == (
        "No neural model is compared with the linear baseline, as none has learned: vae · grid "
        "(as started)."
    )
