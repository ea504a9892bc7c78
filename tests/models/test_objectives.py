"""Objectives as data: when they are computed, and what chooses the epoch."""

from types import SimpleNamespace

import pytest

from tybalt.plan import objectives
from tybalt.plan.errors import InputError
from tybalt.plan.models_and_tuners import check_model
from tybalt.plan.objectives import AT_THE_END, OBJECTIVES, Objective, best_epoch
from tybalt.training.rows import make_inputs
from tybalt.training.train import fit_and_keep_best
from tybalt.tuning.ranking import score_at


class Scripted:
    """Gives the errors it is told, and remembers which epoch's weights it has."""

    inputs = make_inputs(["a", "b"])

    def __init__(self, errors, warm_from=1):
        self.errors, self.warm_from, self.epoch = errors, warm_from, 0
        self.hp = SimpleNamespace(epochs=len(errors))

    def fit(self, train, validation, seed, first_epoch=1):
        for epoch, mse in enumerate(self.errors, first_epoch):
            self.epoch, eligible = epoch, epoch >= self.warm_from
            yield {"epoch": epoch, "loss": 1.0, "validation_mse": mse, "eligible": eligible}

    def arrays(self):
        return self.epoch

    def load(self, arrays):
        self.epoch = arrays


def tenfold(model, train, validation, seed):
    """Measure what no record says: ten times the error of the epoch whose weights it has."""
    return 10 * model.errors[model.epoch - 1]


@pytest.fixture
def made_up(monkeypatch):
    """Three objectives that no model has yet."""
    place = f"{__name__}:tenfold"
    added = {
        "second": Objective("x", "x", place, verbs=("reconstruct",), when=2),
        "last": Objective("x", "x", place, when=AT_THE_END, chosen_by="validation_mse"),
        "up": Objective("gain", "x", lambda record, n: record["validation_mse"], "higher"),
        "classes": Objective("x", "x", lambda record, n: 0.0, roles=("label",), blocks=2),
    }
    monkeypatch.setattr(objectives, "OBJECTIVES", OBJECTIVES | added)


def run(objective, errors, **others):
    model = Scripted(errors, **others)
    return fit_and_keep_best(model, None, None, 0, objective, 0), model


def test_every_second_epoch_and_the_last_are_scored(made_up):
    result, model = run("second", [5, 4, 1, 3, 2])
    assert result.history["score"] == [None, 40, None, 30, 20]
    assert (result.best_epoch, result.score, model.epoch) == (5, 20, 5)


def test_an_epoch_that_was_not_scored_cannot_be_the_best(made_up):
    result, _ = run("second", [5, 2, 1, 3])
    assert (result.best_epoch, result.score) == (2, 20)


def test_at_the_end_the_epoch_is_chosen_by_another_measure_and_scored_once(made_up):
    result, model = run("last", [5, 2, 3])
    assert result.history["score"] == [None, 20, None]
    assert (result.best_epoch, result.score, model.epoch) == (2, 20, 2)


def test_the_warm_up_holds_for_every_objective(made_up):
    result, _ = run("last", [1, 2, 3], warm_from=2)
    assert (result.best_epoch, result.score) == (2, 20)


def test_what_is_better_when_higher_is_kept_with_a_minus(made_up):
    result, _ = run("up", [1, 3, 2])
    assert (result.best_epoch, result.score) == (2, -3)
    assert objectives.OBJECTIVES["up"].axis == "negative gain"


def test_a_score_is_read_off_a_longer_run_where_it_was_computed(made_up):
    record = {"status": "ok", "objective": "second", "start": None}
    record["history"] = {"score": [None, 40, None, 10], "eligible": [True] * 4}
    found = score_at(record, 3)
    assert (found.score, found.best_epoch) == (40, 2)
    assert score_at(record, 4).score == 10


def test_the_first_of_equal_epochs_counts():
    history = {"score": [2.0, 1.0, 1.0], "eligible": [False, True, True]}
    assert best_epoch(history, "reconstruction") == 2
    assert best_epoch({"score": [1.0], "eligible": [False]}, "reconstruction") is None


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"objective": "elbow"}, "models.m.objective: found 'elbow'; did you mean 'elbo'?"),
        ({"objective": "elbo", "module": "pca"}, "'elbo', but pca has no KL divergence"),
        ({"objective": "last", "space": {"epochs": [5, 9]}}, "computed at the end of a training"),
        ({"objective": "second", "space": {"epochs": [1, 9]}}, "every 2 epochs; expected at least"),
        (
            {"objective": "elbo", "space": {"kl_term": ["none", "standard"]}},
            "varies what the score",
        ),
        ({"objective": "readout"}, "found 'readout'; did you mean 'readout:{contrast}'?"),
        (
            {"objective": "readout:sex", "space": {"epochs": [5, 9]}},
            "computed at the end of a training",
        ),
        (
            {"objective": {"elbo": 1, "readout:sex": 1}},
            "found 'elbo' in a sum, but there is no scale",
        ),
        ({"objective": {"readuot:sex": 1, "reconstruction": 1}}, "found 'readuot:sex'; did you"),
        ({"objective": "1 reconstruction + 1 readout:sex"}, "write a sum as term: weight"),
    ],
)
def test_what_an_objective_needs_is_asked_while_parsing(model, message, made_up):
    entry = {"module": "vae", "fixed": {}, "space": {}, **model}
    with pytest.raises(InputError) as caught:
        check_model("m", entry)
    assert message in str(caught.value)


def test_a_sum_has_a_name_from_which_its_terms_are_read():
    given = {"readout:sex": 0.25, "reconstruction": 1}
    name = objectives.name_of(given, "models.m.objective")
    assert name == "1 reconstruction + 0.25 readout:sex"
    assert objectives.terms_of(name) == given
    found = objectives.objective_of(name, "x")
    assert (found.when, found.chosen_by, found.contrasts) == (
        AT_THE_END, "validation_mse", ("sex",),
    )  # fmt: skip
    assert objectives.terms_of("elbo") == {"elbo": 1}
    assert objectives.objective_of("readout:sex", "x").axis == (
        "negative read-out of sex, validation AUROC"
    )


def test_what_a_dataset_lacks_is_named(made_up):
    with pytest.raises(InputError, match=r"`classes` needs a column in the role `label`"):
        objectives.check_dataset("classes", {"roles": {"label": None}}, ["a", "b"], "models.m")
    with pytest.raises(InputError, match=r"`classes` needs 2 blocks, but the model sees 1 \(a\)"):
        objectives.check_dataset("classes", {"roles": {"label": "kind"}}, ["a"], "models.m")
