"""What is planned of blocks, verbs and models on models, and what is refused while parsing."""

import copy
import dataclasses
from pathlib import Path

import pytest
import yaml

from tybalt.plan import outputs, replicates
from tybalt.plan.config import check_config, load_schema
from tybalt.plan.errors import InputError
from tybalt.plan.experiments import build_study
from tybalt.plan.models_and_tuners import load_plugin
from tybalt.plan.objectives import OBJECTIVES

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = load_schema(ROOT / "workflow" / "schemas" / "config.schema.yaml")
SOURCES = yaml.safe_load((ROOT / "resources" / "sources.yaml").read_text())

OMICS = {
    "datasets": {
        "omics": {
            "kind": "local",
            "files": {"clinical": "c.tsv"},
            "blocks": {
                "rna": {"file": "r.tsv"},
                "methylation": {"file": "m.tsv", "scaling": {"method": "none"}},
            },
            "clinical": {"columns": {"sample": "id", "cancer_type": "type"}},
        }
    },
    "models": {
        "rna": {"module": "vae", "blocks": ["rna"], "space": {"depth": [0, 1]}},
        "meth": {"module": "pca", "blocks": ["methylation"]},
        "all": {"module": "vae"},
        "upon": {"module": "linear_autoencoder", "codes_of": ["rna", "meth"]},
        "third": {"module": "pca", "codes_of": "upon"},
    },
    "tuners": {"grid": {"module": "grid"}, "random": {"module": "random", "trials": 1}},
    "experiments": [
        {
            "datasets": ["omics"],
            "models": ["third", "upon", "rna", "meth", "all"],
            "tuners": ["grid"],
        }
    ],
}


def study(**changes):
    """Build the study with some top-level keys changed, key by key."""
    config = copy.deepcopy(OMICS)
    for key, value in changes.items():
        config[key] = {**config.get(key, {}), **value} if isinstance(value, dict) else value
    return build_study(check_config(config, SCHEMA), SOURCES)


def message_of(**changes) -> str:
    with pytest.raises(InputError) as caught:
        study(**changes)
    return str(caught.value)


def test_an_experiment_sees_the_blocks_of_its_model_or_of_its_bases():
    seen = {each.model: each.blocks for each in study().experiments.values()}
    assert seen["rna"] == ("rna",) and seen["meth"] == ("methylation",)
    assert seen["all"] == seen["upon"] == seen["third"] == ("rna", "methylation")


def test_bases_are_found_whatever_the_order_of_the_experiments():
    bases = {each.model: each.bases for each in study().experiments.values()}
    assert bases["upon"] == (("omics", "rna", "grid"), ("omics", "meth", "none"))
    assert bases["third"] == (("omics", "upon", "none"),) and bases["all"] == ()


def test_what_runs_by_name_is_known_down_to_the_last_base():
    planned = study()
    modules = planned.modules_of(planned.experiments["omics", "third", "none"])
    names = ("pca", "linear_autoencoder", "vae")
    assert modules == [f"tybalt.models.{name}" for name in names]


def test_training_is_told_blocks_names_of_bases_and_columns_in_their_roles():
    planned = study()
    options = planned.training_options(planned.experiments["omics", "upon", "none"])
    assert options["bases"] == ["rna", "meth"] and options["module"] == "linear_autoencoder"
    assert options["blocks"] == ["rna", "methylation"]
    assert options["label"] is None and options["weight"] is None, "no model asks for classes"


def test_a_search_with_two_tuners_has_to_be_named():
    both = [{"datasets": ["omics"], "models": ["rna", "meth"], "tuners": ["grid", "random"]}]
    both += [{"datasets": ["omics"], "models": ["upon"]}]
    found = message_of(experiments=both)
    assert "models.upon.codes_of: found 'rna', which names no single experiment" in found
    assert "omics/rna/grid, omics/rna/random" in found and "name it as model/tuner" in found
    upon = {"module": "linear_autoencoder", "codes_of": ["rna/random", "meth"]}
    planned = study(experiments=both, models={"upon": upon})
    assert planned.experiments["omics", "upon", "none"].bases[0] == ("omics", "rna", "random")


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (
            {"rna": {"module": "pca", "codes_of": "third", "space": {"latent_dim": [2, 3]}}},
            "upon -> rna -> third",
        ),
        (
            {"upon": {"module": "pca", "codes_of": "upon"}},
            "models.upon.codes_of: upon -> upon is a",
        ),
        ({"upon": {"module": "pca", "codes_of": "rnaa"}}, "no model 'rnaa'; did you mean 'rna'?"),
        ({"all": {"module": "pca", "blocks": ["protein"]}}, "omics has no block 'protein'"),
        ({"all": {"module": "pca", "blocks": ["rna", "rna"]}}, "expected no value twice"),
        (
            {"upon": {"module": "pca", "codes_of": ["rna", "all"]}},
            "models.upon.codes_of: rna/grid and all/none both see the block rna",
        ),
        (
            {"upon": {"module": "pca", "codes_of": "rna", "blocks": ["rna"]}},
            "models.upon.blocks: a model in the codes of others sees what they see",
        ),
        (
            {"upon": {"module": "vae", "codes_of": "rna"}},
            "models.upon.codes_of: the model would see codes, which may have any values, but",
        ),
    ],
)
def test_models_that_cannot_build_on_each_other_are_refused(models, message):
    assert message in message_of(models=models)


def test_a_base_that_no_experiment_trains_is_refused():
    found = message_of(experiments=[{"datasets": ["omics"], "models": ["upon", "meth"]}])
    assert "there is none of rna on omics" in found and "add one to `experiments`" in found


@pytest.fixture
def scored_by_anything(monkeypatch):
    """An objective that needs no verb, as those of other tasks will not need `reconstruct`."""
    lenient = dataclasses.replace(OBJECTIVES["reconstruction"], verbs=())
    monkeypatch.setitem(OBJECTIVES, "reconstruction", lenient)


def test_a_model_that_can_do_none_of_the_tasks_is_refused(monkeypatch, scored_by_anything):
    monkeypatch.setattr(load_plugin("models", "pca", "x"), "VERBS", ("encode", "sample"))
    found = message_of()
    assert "its module can encode, sample, but the dataset's task `explain` needs" in found
    assert "reconstruct and weights" in found


def test_a_base_has_to_encode_and_to_reconstruct(monkeypatch, scored_by_anything):
    module = load_plugin("models", "nmf", "x")
    monkeypatch.setattr(module, "VERBS", ("encode", "weights", "reconstruct"))
    models = {"meth": {"module": "nmf", "blocks": ["methylation"]}}
    study(models=models)
    monkeypatch.setattr("tybalt.plan.models_and_tuners.VERBS_OF_TASK", {"explain": ("weights",)})
    monkeypatch.setattr(module, "VERBS", ("weights",))
    assert "expected a model that can encode and reconstruct" in message_of(models=models)


def test_a_model_that_is_trained_with_classes_needs_a_label(monkeypatch):
    monkeypatch.setattr(load_plugin("models", "pca", "x"), "USES", ("label",), raising=False)
    planned = study()
    options = planned.training_options(planned.experiments["omics", "meth", "none"])
    assert options["label"] == "cancer_type"
    omics = {**OMICS["datasets"]["omics"], "roles": {"label": None}}
    assert "pca is trained with classes, but no column" in message_of(datasets={"omics": omics})


def test_outputs_follow_from_the_verbs(monkeypatch, scored_by_anything):
    verbs = {"explain": ("encode",)}
    monkeypatch.setattr("tybalt.plan.models_and_tuners.VERBS_OF_TASK", verbs)
    monkeypatch.setattr(load_plugin("models", "pca", "x"), "VERBS", ("encode",))
    models = {"models": ["meth"], "datasets": ["omics"]}
    files = outputs.files(study(experiments=[models]))
    assert "omics/meth/none/encoding.tsv.gz" in files
    assert "omics/meth/none/gene_weights.tsv.gz" not in files
    assert "omics/meth/none/reconstruction_genes.tsv.gz" not in files


@pytest.mark.parametrize("scaling", [{"method": "z_score"}, {}])
def test_scaling_is_checked_for_the_blocks_that_a_model_sees(scaling):
    omics = copy.deepcopy(OMICS["datasets"]["omics"])
    omics["blocks"]["methylation"]["scaling"] = scaling
    if not scaling:
        study(datasets={"omics": omics})
        return
    found = message_of(datasets={"omics": omics})
    assert "models.all: found values from -5 to 5" in found
    assert "datasets.omics.blocks.methylation.scaling.method is z_score" in found


def test_a_model_in_the_codes_of_others_is_trained_on_no_bootstrap_sample():
    planned = study(explain={"bootstraps": 2, "stability_seeds": 1})
    names = {
        key[1]: replicates.names_of(planned, experiment)
        for key, experiment in planned.experiments.items()
    }
    # The codes below it have seen all training groups, so nothing would tell what others give.
    assert names["meth"] == ["bootstrap_1", "bootstrap_2"]
    assert names["upon"] == ["seed_1"] and names["third"] == []
    files = outputs.files(planned)
    assert "omics/meth/none/refits.tsv" in files and "omics/upon/none/refits.tsv" not in files
    assert "omics/upon/none/stability.tsv" in files
    assert "omics/third/none/stability.tsv" not in files
