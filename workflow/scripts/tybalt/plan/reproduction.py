"""What others have published of the same data and models, to be drawn beside ours (PURE).

The figures and checks stand in workflow/rules/reproduction.smk.
"""

from collections.abc import Mapping
from typing import Any

from tybalt.plan.experiments import Experiment

#: The source of the data that Tybalt was published with, and the models that were.
PUBLISHED_SOURCE, PUBLISHED_MODELS = "pancan-2016", ("adage", "vae")

#: Hyperparameters of a published search -> what resources/published_basics.tsv calls it.
PUBLISHED_SEARCHES = {("depth", "hidden_dim"): "search", ("latent_dim",): "latent"}


def facts_of_dataset(entry: Mapping[str, Any]) -> set[str]:
    """Say what has been published of a dataset: facts of its matrix, learning curves."""
    facts = {"published facts"} if entry.get("published") else set()
    return facts | ({"published curves"} if is_published_logic(entry, 2) else set())


def facts_of_experiment(entry: Mapping[str, Any], experiment: Experiment) -> set[str]:
    """Say what has been published of an experiment: the loss curve of its model, its search."""
    published = entry.get("source") == PUBLISHED_SOURCE and experiment.module in PUBLISHED_MODELS
    facts = {"published curve"} if published else set()
    return facts | ({"published search"} if published_search(entry, experiment) else set())


def is_published_logic(entry: Mapping[str, Any], independent: int) -> bool:
    """Tell whether a dataset is like one of the lecture's: binary, so many independent genes."""
    logic = entry.get("logic", {})
    return logic.get("values") == "binary" and logic["independent"] == independent


def published_search(entry: Mapping[str, Any], experiment: Experiment) -> str | None:
    """Name the published search that an experiment repeats; None if it repeats none."""
    if experiment.module != "autoencoder" or not is_published_logic(entry, 3):
        return None
    return PUBLISHED_SEARCHES.get(experiment.searched)
