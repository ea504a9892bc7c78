"""Config errors and the plan of a study. Expected counts: the lecture's search space, by hand."""

import copy
from pathlib import Path

import pytest
import yaml

from tybalt.config import check_config, load_schema
from tybalt.errors import InputError
from tybalt.search import Slot
from tybalt.study import build_study, derive_seed

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = load_schema(ROOT / "workflow" / "schemas" / "config.schema.yaml")
SOURCES = yaml.safe_load((ROOT / "resources" / "sources.yaml").read_text())

SMALL = {
    "datasets": {
        "toy": {
            "kind": "local",
            "files": {"expression": "x.tsv", "clinical": "c.tsv"},
            "clinical": {"columns": {"sample": "id", "cancer_type": "type", "sex": "gender"}},
            "signals": {"sex": {"covariate": "sex", "positive": ["male"]}},
        }
    },
    "models": {
        "vae": {"module": "vae", "space": {"depth": [0, 1], "learning_rate": [0.001]}},
        "pca": {"module": "pca"},
    },
    "tuners": {
        "grid": {"module": "grid"},
        "random": {"module": "random", "trials": 2},
        "bayes": {"module": "bayesian", "rounds": 2, "trials_per_round": 1},
        "band": {"module": "hyperband", "max_epochs": 3, "factor": 3},
    },
    "studies": [{"datasets": ["toy"], "models": ["vae", "pca"], "tuners": ["grid"]}],
}


def study_of(config):
    return build_study(check_config(config, SCHEMA), SOURCES, ["BRCA", "UVM"])


def changed(path, value):
    config = copy.deepcopy(SMALL)
    node = config
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return config


def full_study():
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    return study_of(config)


def test_lecture_space_is_1280_configurations_and_240_trainings():
    cell = full_study().cell("tcga", "vae", "grid")
    assert cell.configurations == 1280
    assert len(cell.trial_files()) == 240


def test_every_configuration_is_answered_by_some_trial():
    (trials,) = full_study().cell("tcga", "vae", "grid").rounds
    assert sum(count for trial in trials for _, count in trial.settings) == 1280
    assert {epochs for trial in trials for epochs, _ in trial.settings} == {10, 25, 50, 100}
    assert all(trial.hyperparameters["epochs"] == 100 for trial in trials)


def test_a_model_without_a_space_runs_untuned_whatever_the_study_says():
    assert set(study_of(SMALL).cells) == {("toy", "vae", "grid"), ("toy", "pca", "none")}


def test_only_used_datasets_are_listed():
    assert full_study().datasets == ["tcga"]


def test_a_new_grid_value_adds_trials_and_renames_none():
    before = study_of(SMALL).cell("toy", "vae", "grid").trial_files()
    after = study_of(changed(["models", "vae", "space", "learning_rate"], [0.001, 0.002]))
    after = after.cell("toy", "vae", "grid").trial_files()
    assert set(before) < set(after)
    assert len(after) == 2 * len(before)


@pytest.mark.parametrize("same", [[1], [1.0], ["1e0"]])
def test_equal_numbers_name_the_same_trial(same):
    config = changed(["models", "vae", "space"], {"beta": same})
    reference = changed(["models", "vae", "space"], {"beta": [1]})
    assert study_of(config).cell("toy", "vae", "grid") == study_of(reference).cell(
        "toy", "vae", "grid"
    )


def test_a_grid_value_without_effect_changes_no_trial_it_had():
    models = {"module": "vae", "space": {"depth": [0, 1], "hidden_dim": [100, 300]}}
    wider = {"module": "vae", "space": {"depth": [0, 1], "hidden_dim": [50, 100, 300]}}
    (before,) = study_of(changed(["models", "vae"], models)).cell("toy", "vae", "grid").rounds
    (after,) = study_of(changed(["models", "vae"], wider)).cell("toy", "vae", "grid").rounds
    kept = {trial.name: trial.hyperparameters for trial in after}
    assert len(after) == len(before) + 1
    assert all(kept[trial.name] == trial.hyperparameters for trial in before)


def test_a_cell_that_is_not_in_the_study_is_named():
    with pytest.raises(InputError, match="toy/pca/grid is no cell of the study; did you mean"):
        study_of(SMALL).cell("toy", "pca", "grid")


def test_executions_repeat_trainings_but_not_closed_forms():
    study = study_of({**SMALL, "training": {"executions_per_trial": 3}})
    assert len(study.cell("toy", "vae", "grid").trial_files()) == 2 * 3
    assert len(study.cell("toy", "pca", "none").trial_files()) == 1


def test_random_draws_without_repetition_and_the_same_again():
    config = changed(["models", "vae", "space"], {"learning_rate": [0.1, 0.2, 0.3, 0.4]})
    config["studies"][0]["tuners"] = ["random"]
    first, second = (study_of(config).cell("toy", "vae", "random") for _ in range(2))
    assert first == second
    assert len(first.trial_files()) == 2


def closed_cell(tuner, **options):
    config = copy.deepcopy(SMALL)
    config["models"]["vae"]["space"]["learning_rate"] = [0.1, 0.2, 0.3, 0.4]
    config["tuners"][tuner] |= options
    config["studies"][0]["tuners"] = [tuner]
    return study_of(config).cell("toy", "vae", tuner)


def test_a_closed_loop_knows_its_jobs_before_the_first_one_runs():
    cell = closed_cell("bayes")
    assert cell.is_closed
    assert cell.trial_files() == [("r0", "s00", "e0"), ("r1", "s00", "e0")]
    assert cell.trial_files(before=1) == [("r0", "s00", "e0")]
    assert all(trial.hyperparameters is None for (trial,) in cell.rounds)


def test_more_rounds_add_jobs_and_change_nothing_that_a_proposal_depends_on():
    fewer, more = closed_cell("bayes"), closed_cell("bayes", rounds=4)
    assert set(fewer.trial_files()) < set(more.trial_files())
    assert fewer.options == more.options
    assert closed_cell("bayes", beta=1).options != fewer.options


def test_trials_that_go_on_are_no_new_configurations():
    cell = closed_cell("band")
    # By hand for 3 epochs, factor 3: brackets 3 -> 1 and 2 (see test_tuners)
    assert [len(trials) for trials in cell.rounds] == [5, 1]
    assert cell.configurations == 5
    assert [trial.slot.epochs for trial in cell.rounds[0]] == [1, 1, 1, 3, 3]
    assert cell.rounds[1][0].slot == Slot(epochs=3, epochs_before=1)


def test_a_model_without_a_space_is_not_searched_by_a_closed_loop_either():
    config = copy.deepcopy(SMALL)
    config["studies"][0] |= {"models": ["pca"], "tuners": ["band", "bayes"]}
    assert set(study_of(config).cells) == {("toy", "pca", "none")}


def test_the_published_grid_of_96_is_48_trainings():
    # 2 depths x 2 hidden_dim x 2 kappa x 3 batch_size x 2 learning_rate x 2 epochs:
    # Tybalt on Biowulf, module 20210709; the 50 epochs are read off the 100.
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config["studies"] = [{"datasets": ["tcga"], "models": ["tybalt-biowulf"], "tuners": ["grid"]}]
    cell = study_of(config).cell("tcga", "tybalt-biowulf", "grid")
    assert (cell.configurations, len(cell.trial_files())) == (96, 48)


def test_seeds_depend_on_names_not_on_order():
    assert derive_seed(1, "a", "b") == derive_seed(1, "a", "b")
    assert len({derive_seed(1, "a", "b"), derive_seed(1, "b", "a"), derive_seed(2, "a", "b")}) == 3
    assert 0 <= derive_seed(1, "a") < 2**31


BAD = {
    "unknown top key": (["modells"], {}, "modells: unknown key; did you mean 'models'?"),
    "unknown nested key": (
        ["datasets", "toy", "genes"],
        {"cuont": 3},
        "datasets.toy.genes.cuont: unknown key; did you mean 'count'?",
    ),
    "enum": (
        ["datasets", "toy", "genes"],
        {"rank_by": "varience"},
        "datasets.toy.genes.rank_by: found 'varience'; did you mean 'variance'?",
    ),
    "type": (["seed"], "one", "seed: found 'one', expected a whole number"),
    "range": (
        ["datasets", "toy", "split"],
        {"test": 0.7},
        "datasets.toy.split.test: found 0.7, expected at most 0.5",
    ),
    "name": (["models"], {"a/b": {"module": "pca"}}, "models: the name 'a/b'"),
    "kind": (["datasets", "toy", "kind"], "lokal", "did you mean 'local'?"),
    "block of another kind": (
        ["datasets", "toy", "simulation"],
        {"samples": 100, "genes": 500},
        "datasets.toy.simulation: belongs to kind `simulated`",
    ),
    "a key that logic genes do not take": (
        ["datasets", "toy"],
        {"kind": "logic-genes", "logic": {"independent": 2}, "genes": {"count": 3}},
        "datasets.toy.genes: not for a dataset of this kind",
    ),
    "logic genes without their block": (
        ["datasets", "toy"],
        {"kind": "logic-genes"},
        "datasets.toy.logic: missing",
    ),
    "missing block": (
        ["datasets", "toy"],
        {"kind": "xena"},
        "datasets.toy.source: missing",
    ),
    "shares too large": (
        ["datasets", "toy", "split"],
        {"validation": 0.5, "test": 0.5},
        "datasets.toy.split: validation + test is 1, expected at most 0.8",
    ),
    "share of the published split": (
        ["datasets", "toy", "split"],
        {"method": "tybalt", "test": 0.3},
        "datasets.toy.split.test: the published split has shares of its own",
    ),
    "z-scores for a sigmoid": (
        ["datasets", "toy", "scaling"],
        {"method": "z_score"},
        "datasets.toy.scaling.method is z_score",
    ),
    "reserved name": (
        ["datasets"],
        {"logs": SMALL["datasets"]["toy"]},
        "datasets.logs: results/logs holds other files",
    ),
    "the name none": (
        ["tuners"],
        {"none": {"module": "grid"}},
        "tuners.none: this name always means one training",
    ),
    "elbo without the KL term": (
        ["models", "vae", "fixed"],
        {"kl_term": "none"},
        "models.vae.objective: a model without KL divergence",
    ),
    "unknown cancer type": (
        ["datasets", "toy"],
        {
            "kind": "simulated",
            "simulation": {"samples": 100, "genes": 6000, "cancer_types": ["BRCA", "UMV"]},
        },
        "datasets.toy.simulation.cancer_types: found 'UMV'; did you mean 'UVM'?",
    ),
    "unknown source": (
        ["datasets", "toy"],
        {"kind": "xena", "source": "pancan2016"},
        "datasets.toy.source: found 'pancan2016'; did you mean 'pancan-2016'?",
    ),
    "undeclared covariate": (
        ["datasets", "toy", "signals", "sex", "covariate"],
        "gender",
        "datasets.toy.signals.sex.covariate: 'gender' is not a declared covariate",
    ),
    "no join": (
        ["datasets", "toy", "clinical"],
        {"columns": {"sex": "gender"}},
        "`sample` or `patient` is needed",
    ),
    "unknown module": (["models", "pca", "module"], "pcaa", "did you mean 'pca'?"),
    "unknown hyperparameter": (
        ["models", "vae", "fixed"],
        {"latent_dims": 3},
        "models.vae.fixed.latent_dims: unknown hyperparameter; did you mean 'latent_dim'?",
    ),
    "value out of range": (
        ["models", "vae", "space", "kappa"],
        [0.1, 2],
        "models.vae.space.kappa: found 2, expected a number greater than 0 and at most 1",
    ),
    "text for a number": (
        ["models", "vae", "space", "depth"],
        [0, "deep"],
        "models.vae.space.depth: found 'deep', expected a whole number",
    ),
    "boolean for a word": (
        ["models", "vae", "fixed"],
        {"kl_term": False},
        "models.vae.fixed.kl_term: found False, expected a word",
    ),
    "empty list": (["models", "vae", "space", "depth"], [], "models.vae.space.depth: found []"),
    "space without a list": (
        ["models", "vae", "space", "depth"],
        1,
        "models.vae.space.depth: found 1, expected a list",
    ),
    "repeated value": (
        ["models", "vae", "space", "depth"],
        [1, 1.0],
        "models.vae.space.depth: 1 is listed more than once",
    ),
    "fixed and searched": (
        ["models", "vae", "fixed"],
        {"depth": 1},
        "models.vae.space.depth: is also in models.vae.fixed",
    ),
    "elbo over loss terms": (
        ["models", "vae", "space"],
        {"kl_term": ["standard", "none"]},
        "models.vae.objective to reconstruction",
    ),
    "elbo without KL": (
        ["models", "pca"],
        {"module": "pca", "objective": "elbo"},
        "models.pca.objective: found 'elbo'",
    ),
    "unknown cell": (
        ["studies"],
        [{"datasets": ["toi"], "models": ["vae"]}],
        "studies[0].datasets: there is no 'toi' under `datasets`; did you mean 'toy'?",
    ),
    "unknown tuner option": (
        ["tuners", "random"],
        {"module": "random", "trails": 3},
        "tuners.random.trails: unknown option; did you mean 'trials'?",
    ),
    "mixed types": (
        ["models", "vae", "space", "batch_size"],
        [50, "large"],
        "models.vae.space.batch_size: found 'large', expected a whole number",
    ),
    "more slots than configurations": (
        ["studies"],
        [{"datasets": ["toy"], "models": ["vae"], "tuners": ["greedy"]}],
        "tuners.greedy: asks for 50 new trials, but models.vae.space has 2 configurations",
    ),
    "more brackets than models": (  # hidden_dim has no effect at depth 0: 3 models
        ["models", "deep"],
        {"module": "vae", "space": {"depth": [0, 1], "hidden_dim": [10, 20]}},
        "tuners.band: asks for 5 new trials, but models.deep.space has 3 distinct models",
    ),
    "epochs in a Hyperband space": (
        ["models", "deep"],
        {"module": "vae", "space": {"epochs": [3, 9], "batch_size": [10, 20, 30]}},
        "models.deep.space.epochs: found [3, 9], but the tuner band itself decides",
    ),
    "Hyperband without epochs": (
        ["models", "deep"],
        {"module": "nmf", "space": {"latent_dim": [1, 2, 3, 4, 5, 6]}},
        "the tuner band decides how many epochs a setting is trained, but models.deep (nmf)",
    ),
    "more trials than configurations": (
        ["studies"],
        [{"datasets": ["toy"], "models": ["vae"], "tuners": ["many"]}],
        "tuners.many.trials: found 9, but the space has 2 configurations",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_config_gets_one_message_that_names_the_key(case):
    path, value, message = BAD[case]
    config = changed(path, value)
    config["tuners"]["many"] = {"module": "random", "trials": 9}
    config["tuners"]["greedy"] = {"module": "bayesian"}
    if path == ["models", "deep"]:
        config["studies"][0] |= {"models": ["deep"], "tuners": ["band"]}
    with pytest.raises(InputError) as caught:
        study_of(config)
    assert message in str(caught.value)


@pytest.mark.parametrize("part", ["fixed", "space"])
def test_files_of_a_model_are_found_or_refused(part, tmp_path):
    def cell_with(*paths):
        value = str(paths[0]) if part == "fixed" else [str(path) for path in paths]
        gsae = {"module": "gene_set_autoencoder", part: {"gene_sets": value}}
        config = changed(["models", "vae"], gsae)
        return study_of(config).cell("toy", "vae", "none" if part == "fixed" else "grid")

    path = tmp_path / "mine.gmt"
    with pytest.raises(InputError, match=r"models\.vae: gene_sets: found '.*mine\.gmt'"):
        cell_with(path)
    path.write_text("A\td\tg1\n")
    assert cell_with(path).files == (path,)


def test_models_that_name_no_file_have_none_and_a_default_counts():
    config = changed(["models", "vae"], {"module": "gene_set_autoencoder"})
    study = study_of(config)
    assert study.cell("toy", "vae", "none").files[0].name == "gene_sets.gmt"
    assert study.cell("toy", "pca", "none").files == ()


def test_logic_genes_declare_no_covariate_but_the_sample_itself():
    config = changed(["datasets", "toy"], {"kind": "logic-genes", "logic": {"independent": 3}})
    study = study_of(config)
    assert study.dataset("toy")["logic"] == {"independent": 3, "values": "binary", "samples": 1000}
    for name in ("cancer_type", "sample_type", "sex", "age"):
        assert not study.has("toy", name)
