"""Named terms with masks and weights of rows: by hand, in the engine, and in what is measured."""

import keras
import numpy as np
import pytest
from keras import ops

from tybalt.training.engine_of_keras import start_engine
from tybalt.training.integrity import DeadLossError, check_loss, rows_to_check
from tybalt.training.losses import ERRORS, Loss, Term, reconstruction_loss, squared_error
from tybalt.training.model import make_model, summarize
from tybalt.training.rows import Rows, make_inputs

from .planted import GENES, GRADIENT_MODULES, N_GENES, plant, small
from .test_engine import plain_loop

BLOCKS = {"rna": 30, "methylation": 10}
INPUTS = make_inputs(GENES, BLOCKS)


def masked(n_rows=70, seed=1) -> Rows:
    """Rows of which every third lacks a block, some values are missing, and weights differ."""
    rng = np.random.default_rng(seed)
    observed = rng.random((n_rows, N_GENES)) > 0.1
    observed[::3, INPUTS.blocks["methylation"]] = False
    weight = rng.random(n_rows).astype("f4") + 0.5
    return Rows(plant(n_rows, seed), INPUTS, observed, weight=weight / weight.mean())


@pytest.mark.parametrize("kind", ["mse", "bce"])
def test_a_term_counts_what_was_observed_and_divides_by_all(kind):
    rows, x_hat = masked(6), plant(6, seed=9)
    columns = INPUTS.blocks["methylation"]
    term = Term("t", ERRORS[kind], scale=10.0, columns=columns)
    found = np.asarray(term.per_row(rows.X, {"reconstruction": x_hat}, rows.observed))
    for i in range(6):
        x, y, seen = rows.X[i, columns], x_hat[i, columns], rows.observed[i, columns]
        error = (x - y) ** 2 if kind == "mse" else -(x * np.log(y) + (1 - x) * np.log(1 - y))
        assert found[i] == pytest.approx(np.sum(error[seen]), rel=1e-4, abs=1e-6)
    assert found[0] == 0, "this row has nothing of the block"


def test_a_prediction_of_one_block_is_compared_with_that_block():
    rows = masked(5)
    term = Term("t", squared_error, prediction="second", columns=INPUTS.blocks["methylation"])
    block = rows.X[:, INPUTS.blocks["methylation"]]
    np.testing.assert_allclose(term.per_row(rows.X, {"second": block + 0.5}), 0.25, rtol=1e-5)


def test_terms_of_blocks_add_up_to_the_error_of_all_columns():
    x, x_hat = plant(5, 1), plant(5, 2)
    for kind, summed in (("mse", False), ("bce", True)):
        whole = reconstruction_loss(kind, make_inputs(GENES), summed)(x, x_hat)
        parts = reconstruction_loss(kind, INPUTS, summed)
        assert [term.name for term in parts.terms] == [f"reconstruction_{b}" for b in BLOCKS]
        np.testing.assert_allclose(parts(x, x_hat), whole, rtol=1e-5)


def test_two_terms_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two terms of a loss are called 'a'"):
        Loss(Term("a", squared_error), Term("a", squared_error))


@pytest.mark.parametrize("name", GRADIENT_MODULES)
def test_an_epoch_with_mask_and_weights_equals_a_plain_loop(name):
    rows = masked()
    fast, slow = (make_model(name, INPUTS, small(name, batch_size=32), seed=3) for _ in range(2))
    engine = start_engine(fast.model, 32, seed=3)
    placed = engine.place(rows)
    check_loss(engine, engine.place(rows.only(rows_to_check(rows.observed, engine.terms, 20))))
    for epoch in (1, 2):
        engine.train_epoch(placed, epoch)
    plain_loop(slow.model, start_engine(slow.model, 32, seed=3), rows, epochs=2)
    for key, array in fast.arrays().items():
        np.testing.assert_allclose(array, slow.arrays()[key], rtol=1e-3, atol=2e-5, err_msg=key)


@pytest.mark.parametrize("name", GRADIENT_MODULES)
def test_the_history_of_several_blocks_has_a_column_for_each_term(name):
    rows = masked()
    model = make_model(name, INPUTS, small(name, epochs=2), seed=3)
    start, *records = model.fit(rows, rows, seed=1)
    names = {f"reconstruction_{block}" for block in BLOCKS}
    measured = {f"validation_{each}" for each in names}
    assert names | measured <= set(records[0]) and measured <= set(start)
    error = np.square(rows.X - model.reconstruct(rows.X))
    weight = rows.observed * rows.weight[:, None]
    expected = np.sum(error * weight) / np.sum(weight)
    assert records[-1]["validation_mse"] == pytest.approx(expected, rel=1e-4)
    assert "validation_n_observed" not in records[0]


def test_equal_weights_and_a_mask_that_hides_nothing_change_nothing():
    plain = Rows(plant(60, 1), INPUTS)
    full = Rows(plain.X, INPUTS, np.ones(plain.X.shape, bool), weight=np.ones(60, "f4"))
    arrays = []
    for rows in (plain, full):
        model = make_model("vae", INPUTS, small("vae"), seed=3)
        engine = start_engine(model.model, 32, seed=3)
        engine.train_epoch(engine.place(rows), 1)
        arrays.append(model.arrays())
    for key, array in arrays[0].items():
        np.testing.assert_allclose(array, arrays[1][key], atol=1e-6, err_msg=key)


def test_a_row_of_weight_two_counts_as_two_rows():
    X = plant(30, 1)
    twice = Rows(np.concatenate([X, X[:10]]), make_inputs(GENES))
    weight = np.ones(30, "f4")
    weight[:10] = 2
    once = Rows(X, make_inputs(GENES), weight=weight * 30 / 40)
    model = make_model("vae", make_inputs(GENES), small("vae", kl_term="none"), seed=3)
    engine = start_engine(model.model, 64, seed=3)
    gradients = [
        engine.gradients(
            {**engine.place(rows)}, lambda terms: terms["reconstruction"], model.model.weights[-1:]
        )[1][0]
        for rows in (twice, once)
    ]
    # Noise is drawn anew, so the last bias alone is compared, and roughly.
    np.testing.assert_allclose(gradients[0], gradients[1], atol=0.15 * np.abs(gradients[0]).max())
    mean = summarize({"mse": np.array([1.0, 4.0])}, weight=np.array([3.0, 1.0]))
    assert mean["validation_mse"] == pytest.approx(7 / 4)


def test_warm_ups_of_terms_move_their_weights_and_delay_the_choice():
    rows = masked()
    values = small("two_predictions", epochs=4, kappa=0.5, cross=3.0)
    _, *records = make_model("two_predictions", INPUTS, values, seed=1).fit(rows, rows, seed=1)
    assert [record["cross_weight"] for record in records] == [0, 1.5, 3, 3]
    assert [record["eligible"] for record in records] == [False, False, True, True]


# What is caught before a training


def engine_of(*terms, outputs=1):
    genes = keras.Input((N_GENES,))
    code = keras.layers.Dense(3, name="latent")(genes)
    predictions = {f"p{i}": keras.layers.Dense(N_GENES)(code) for i in range(outputs)}
    model = keras.Model(genes, predictions)
    model.compile(optimizer="adam", loss=Loss(*terms))
    return start_engine(model, 32, seed=1)


def test_a_mask_that_hides_all_of_a_term_is_named():
    rows = masked()
    rows.observed[:, INPUTS.blocks["methylation"]] = False
    terms = [
        Term(block, squared_error, prediction="p0", columns=columns)
        for block, columns in INPUTS.blocks.items()
    ]
    engine = engine_of(*terms)
    chosen = rows_to_check(rows.observed, engine.terms, 20)
    with pytest.raises(DeadLossError, match="'methylation': the mask hides every value"):
        check_loss(engine, engine.place(rows.only(chosen)))


def test_rows_that_show_every_term_something_are_looked_for():
    rows = masked()
    rows.observed[:65, INPUTS.blocks["methylation"]] = False  # only the last rows have it
    terms = [Term(b, squared_error, prediction="p0", columns=c) for b, c in INPUTS.blocks.items()]
    engine = engine_of(*terms)
    chosen = rows_to_check(rows.observed, engine.terms, 20)
    assert set(chosen) >= set(range(20)) and chosen.max() >= 65
    assert len(check_loss(engine, engine.place(rows.only(chosen)))) == 2


def test_a_term_without_gradient_is_named():
    def constant(x, x_hat, observed):
        return ops.mean(ops.square(x), axis=-1)

    terms = Term("own", squared_error, prediction="p0"), Term("flat", constant, prediction="p1")
    engine = engine_of(*terms, outputs=2)
    with pytest.raises(DeadLossError, match="'flat'.*no gradient"):
        check_loss(engine, engine.place(masked(20)))


def test_a_weight_that_nothing_reads_is_named(monkeypatch):
    engine = engine_of(
        Term("own", squared_error, prediction="p0"),
        Term("other", squared_error, prediction="p1", final_weight=2.0),
        outputs=2,
    )
    honest = engine._terms

    def frozen(batch, seen, penalties, weights):
        return honest(batch, seen, penalties, {"other": 2.0})

    monkeypatch.setattr(engine, "_terms", frozen)
    with pytest.raises(DeadLossError, match="'other': the loss does not depend on its weight"):
        check_loss(engine, engine.place(masked(20)))


def test_a_model_without_a_loss_of_terms_is_refused():
    genes = keras.Input((N_GENES,))
    model = keras.Model(genes, keras.layers.Dense(N_GENES)(genes))
    model.compile(optimizer="adam", loss="mse")
    with pytest.raises(TypeError, match=r"compile it with a tybalt\.training\.losses\.Loss"):
        start_engine(model, 32, seed=1)
