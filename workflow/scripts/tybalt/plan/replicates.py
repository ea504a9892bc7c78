"""Trainings of the winner again: with other seeds, and on bootstrap samples (PURE)."""

from tybalt.plan.experiments import Experiment, Study
from tybalt.plan.models_and_tuners import is_repeatable, load_plugin

SEED, BOOTSTRAP = "seed", "bootstrap"


def names_of(study: Study, experiment: Experiment) -> list[str]:
    """Name them: ``seed_1``, which a model in closed form has not, ``bootstrap_1``.

    A model in the codes of others is trained on no bootstrap sample.
    """
    module = load_plugin("models", experiment.module, f"models.{experiment.model}")
    explain = study.config["explain"]
    counts = {
        SEED: explain["stability_seeds"] if is_repeatable(module) else 0,
        # A model in the codes of others would keep these, which have seen all training groups.
        BOOTSTRAP: 0 if experiment.bases else explain["bootstraps"],
    }
    return [f"{kind}_{number + 1}" for kind, count in counts.items() for number in range(count)]


def groups_of(study: Study, experiment: Experiment, name: str) -> str | None:
    """Return the column whose groups a bootstrap sample draws; None where nothing is drawn."""
    drawn = name.startswith(BOOTSTRAP)
    return study.dataset(experiment.dataset)["roles"]["group"] if drawn else None


def seed_of(study: Study, experiment: Experiment, name: str) -> int:
    """Return the seed of a training, or of what it draws: the same groups for all of a dataset."""
    if name.startswith(BOOTSTRAP):
        return study.seed(experiment.dataset, "replicate", name)
    return study.seed(*experiment.key, "replicate", name.removeprefix(f"{SEED}_"))
