"""Config errors and the plan of a study. Expected counts: the lecture's search space, by hand."""

import copy
from pathlib import Path

import pytest
import yaml

from tybalt.plan import datasets, outputs, replicates
from tybalt.plan.config import check_config, load_schema
from tybalt.plan.errors import InputError
from tybalt.plan.experiments import build_study, derive_seed
from tybalt.plan.models_and_tuners import load_plugin
from tybalt.plan.search import Slot

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = load_schema(ROOT / "workflow" / "schemas" / "config.schema.yaml")
SOURCES = yaml.safe_load((ROOT / "resources" / "sources.yaml").read_text())

SMALL = {
    "datasets": {
        "toy": {
            "kind": "local",
            "files": {"expression": "x.tsv", "clinical": "c.tsv"},
            "clinical": {"columns": {"sample": "id", "cancer_type": "type", "sex": "gender"}},
            "contrasts": {"sex": {"covariate": "sex", "positive": ["male"]}},
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
    "experiments": [{"datasets": ["toy"], "models": ["vae", "pca"], "tuners": ["grid"]}],
}


def study_of(config):
    return build_study(check_config(config, SCHEMA), SOURCES)


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
    experiment = full_study().experiment("tcga", "vae", "grid")
    assert experiment.configurations == 1280
    assert len(experiment.trial_files()) == 240


def test_every_configuration_is_answered_by_some_trial():
    (trials,) = full_study().experiment("tcga", "vae", "grid").rounds
    assert sum(count for trial in trials for _, count in trial.settings) == 1280
    assert {epochs for trial in trials for epochs, _ in trial.settings} == {10, 25, 50, 100}
    assert all(trial.hyperparameters["epochs"] == 100 for trial in trials)


def test_a_model_without_a_space_runs_untuned_whatever_the_study_says():
    assert set(study_of(SMALL).experiments) == {("toy", "vae", "grid"), ("toy", "pca", "none")}


def test_only_used_datasets_are_listed():
    assert full_study().datasets == ["tcga"]


def halves(name, dataset):
    """Stands for a key that makes two datasets of one."""
    return {f"{name}-{half}": dataset for half in ("a", "b")} if name == "toy" else {name: dataset}


def test_a_dataset_that_expands_into_two_is_trained_on_twice(monkeypatch):
    before = study_of(SMALL)
    monkeypatch.setattr(datasets, "expansions", halves)
    study = study_of(SMALL)
    assert study.datasets == ["toy-a", "toy-b"]
    pairs = [key[1:] for key in before.experiments]
    assert list(study.experiments) == [(name, *pair) for name in study.datasets for pair in pairs]
    assert study.dataset("toy-b") == before.dataset("toy")
    assert "toy-b/pca/none/model.zip" in outputs.files(study)
    unknown = changed(["experiments", 0, "datasets"], ["toy-a"])
    with pytest.raises(InputError, match="there is no 'toy-a' under `datasets`; did you mean 'toy"):
        study_of(unknown)


@pytest.mark.parametrize("order", [["toy", "toy-b"], ["toy-b", "toy"]])
def test_an_expansion_under_a_name_that_is_taken_is_refused(order, monkeypatch):
    monkeypatch.setattr(datasets, "expansions", halves)
    entries = dict.fromkeys(order, SMALL["datasets"]["toy"])
    expected = "datasets.toy: it expands into toy-a, toy-b, but 'toy-b' is the name of another"
    with pytest.raises(InputError, match=expected):
        study_of({**SMALL, "datasets": entries})


def test_a_new_grid_value_adds_trials_and_renames_none():
    before = study_of(SMALL).experiment("toy", "vae", "grid").trial_files()
    after = study_of(changed(["models", "vae", "space", "learning_rate"], [0.001, 0.002]))
    after = after.experiment("toy", "vae", "grid").trial_files()
    assert set(before) < set(after)
    assert len(after) == 2 * len(before)


@pytest.mark.parametrize("same", [[1], [1.0], ["1e0"]])
def test_equal_numbers_name_the_same_trial(same):
    config = changed(["models", "vae", "space"], {"beta": same})
    reference = changed(["models", "vae", "space"], {"beta": [1]})
    assert study_of(config).experiment("toy", "vae", "grid") == study_of(reference).experiment(
        "toy", "vae", "grid"
    )


def test_a_grid_value_without_effect_changes_no_trial_it_had():
    models = {"module": "vae", "space": {"depth": [0, 1], "hidden_dim": [100, 300]}}
    wider = {"module": "vae", "space": {"depth": [0, 1], "hidden_dim": [50, 100, 300]}}
    (before,) = study_of(changed(["models", "vae"], models)).experiment("toy", "vae", "grid").rounds
    (after,) = study_of(changed(["models", "vae"], wider)).experiment("toy", "vae", "grid").rounds
    kept = {trial.name: trial.hyperparameters for trial in after}
    assert len(after) == len(before) + 1
    assert all(kept[trial.name] == trial.hyperparameters for trial in before)


def test_an_experiment_that_is_not_in_the_study_is_named():
    with pytest.raises(
        InputError, match="toy/pca/grid is not an experiment of the study; did you mean"
    ):
        study_of(SMALL).experiment("toy", "pca", "grid")


def test_executions_repeat_trainings_but_not_closed_forms():
    study = study_of({**SMALL, "training": {"executions_per_trial": 3}})
    assert len(study.experiment("toy", "vae", "grid").trial_files()) == 2 * 3
    assert len(study.experiment("toy", "pca", "none").trial_files()) == 1


def test_random_draws_without_repetition_and_the_same_again():
    config = changed(["models", "vae", "space"], {"learning_rate": [0.1, 0.2, 0.3, 0.4]})
    config["experiments"][0]["tuners"] = ["random"]
    first, second = (study_of(config).experiment("toy", "vae", "random") for _ in range(2))
    assert first == second
    assert len(first.trial_files()) == 2


def closed_experiment(tuner, **options):
    config = copy.deepcopy(SMALL)
    config["models"]["vae"]["space"]["learning_rate"] = [0.1, 0.2, 0.3, 0.4]
    config["tuners"][tuner] |= options
    config["experiments"][0]["tuners"] = [tuner]
    return study_of(config).experiment("toy", "vae", tuner)


def test_a_closed_loop_knows_its_jobs_before_the_first_one_runs():
    experiment = closed_experiment("bayes")
    assert experiment.is_closed
    assert experiment.trial_files() == [("r0", "s00", "e0"), ("r1", "s00", "e0")]
    assert experiment.trial_files(before=1) == [("r0", "s00", "e0")]
    assert all(trial.hyperparameters is None for (trial,) in experiment.rounds)


def test_more_rounds_add_jobs_and_change_nothing_that_a_proposal_depends_on():
    fewer, more = closed_experiment("bayes"), closed_experiment("bayes", rounds=4)
    assert set(fewer.trial_files()) < set(more.trial_files())
    assert fewer.options == more.options
    assert closed_experiment("bayes", beta=1).options != fewer.options


def test_trials_that_go_on_are_no_new_configurations():
    experiment = closed_experiment("band")
    # By hand for 3 epochs, factor 3: brackets 3 -> 1 and 2 (see test_tuners)
    assert [len(trials) for trials in experiment.rounds] == [5, 1]
    assert experiment.configurations == 5
    assert [trial.slot.epochs for trial in experiment.rounds[0]] == [1, 1, 1, 3, 3]
    assert experiment.rounds[1][0].slot == Slot(epochs=3, epochs_before=1)


def test_a_model_without_a_space_is_not_searched_by_a_closed_loop_either():
    config = copy.deepcopy(SMALL)
    config["experiments"][0] |= {"models": ["pca"], "tuners": ["band", "bayes"]}
    assert set(study_of(config).experiments) == {("toy", "pca", "none")}


def test_the_published_grid_of_96_is_48_trainings():
    # 2 depths x 2 hidden_dim x 2 kappa x 3 batch_size x 2 learning_rate x 2 epochs:
    # Tybalt on Biowulf, module 20210709; the 50 epochs are read off the 100.
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config["experiments"] = [
        {"datasets": ["tcga"], "models": ["tybalt-biowulf"], "tuners": ["grid"]}
    ]
    experiment = study_of(config).experiment("tcga", "tybalt-biowulf", "grid")
    assert (experiment.configurations, len(experiment.trial_files())) == (96, 48)


def test_seeds_depend_on_names_not_on_order():
    assert derive_seed(1, "a", "b") == derive_seed(1, "a", "b")
    assert len({derive_seed(1, "a", "b"), derive_seed(1, "b", "a"), derive_seed(2, "a", "b")}) == 3
    assert 0 <= derive_seed(1, "a") < 2**31


BAD = {
    "unknown top key": (["modells"], {}, "modells: unknown key; did you mean 'models'?"),
    "old top key": (["meaning"], {}, "meaning: this key is now called `explain`; rename it"),
    "old key of a dataset": (
        ["datasets", "toy", "signals"],
        {},
        "datasets.toy.signals: this key is now called `contrasts`; rename it",
    ),
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
        "models.vae.objective: found 'elbo', but vae has no KL divergence with these values",
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
        ["datasets", "toy", "contrasts", "sex", "covariate"],
        "gender",
        "datasets.toy.contrasts.sex.covariate: 'gender' is not a declared covariate",
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
    "a read-out that is no contrast": (
        ["models", "pca"],
        {"module": "pca", "objective": "readout:sx"},
        "models.pca.objective: `readout:sx` reads out the contrast 'sx', which the dataset does "
        "not name; did you mean 'sex'?",
    ),
    "a sum of one term": (
        ["models", "pca"],
        {"module": "pca", "objective": {"readout:sex": 1}},
        "models.pca.objective: found {'readout:sex': 1}, expected at least 2 of them",
    ),
    "a weight of nothing": (
        ["models", "pca"],
        {"module": "pca", "objective": {"readout:sex": 1, "reconstruction": 0}},
        "models.pca.objective.reconstruction: found 0, expected more than 0",
    ),
    "unknown experiment": (
        ["experiments"],
        [{"datasets": ["toi"], "models": ["vae"]}],
        "experiments[0].datasets: there is no 'toi' under `datasets`; did you mean 'toy'?",
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
        ["experiments"],
        [{"datasets": ["toy"], "models": ["vae"], "tuners": ["greedy"]}],
        "tuners.greedy: asks for 50 new trials, but models.vae.space has 2 configurations",
    ),
    "more brackets than models": (  # hidden_dim has no effect at depth 0: 3 models
        ["models", "deep"],
        {"module": "vae", "space": {"depth": [0, 1], "hidden_dim": [10, 20]}},
        "tuners.band: asks for 5 new trials, but models.deep.space has 3 distinct models",
    ),
    "a grid without end": (
        ["models", "vae", "space"],
        {"epochs": [*range(1, 3001)], "batch_size": [*range(1, 3001)], "depth": [0]},
        "models.vae.space: tuners.grid would plan 9,000,000 trials (batch_size 3000 x depth 1 x "
        "epochs 3000), expected at most 100,000; take values out, or draw some",
    ),
    "a search without end": (
        ["tuners", "bayes", "rounds"],
        10**9,
        "tuners.bayes.rounds: found 1000000000, expected a whole number from 1 to 100000",
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
        ["experiments"],
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
        config["experiments"][0] |= {"models": ["deep"], "tuners": ["band"]}
    with pytest.raises(InputError) as caught:
        study_of(config)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("grid", {}),
        ("fixed", {}),
        ("random", {"trials": 5}),
        ("bayesian", {"rounds": 3, "trials_per_round": 2}),
        ("hyperband", {"max_epochs": 27, "factor": 3, "hyperband_iterations": 2}),
    ],
)
def test_a_tuner_counts_what_it_would_plan(name, options):
    tuner, space = load_plugin("tuners", name, ""), {"a": [1, 2, 3], "b": [1, 2]}
    chosen = tuner.Options(**options)
    planned = tuner.plan(space, chosen, 0, "")
    assert tuner.count(space, chosen) == sum(len(each) for each in planned)


@pytest.mark.parametrize("part", ["fixed", "space"])
def test_files_of_a_model_are_found_or_refused(part, tmp_path):
    def experiment_with(*paths):
        value = str(paths[0]) if part == "fixed" else [str(path) for path in paths]
        gsae = {"module": "gene_set_autoencoder", part: {"gene_sets": value}}
        config = changed(["models", "vae"], gsae)
        return study_of(config).experiment("toy", "vae", "none" if part == "fixed" else "grid")

    path = tmp_path / "mine.gmt"
    with pytest.raises(InputError, match=r"models\.vae: gene_sets: found '.*mine\.gmt'"):
        experiment_with(path)
    path.write_text("A\td\tg1\n")
    assert experiment_with(path).files == (path,)


def test_models_that_name_no_file_have_none_and_a_default_counts():
    config = changed(["models", "vae"], {"module": "gene_set_autoencoder"})
    study = study_of(config)
    assert study.experiment("toy", "vae", "none").files[0].name == "gene_sets.gmt"
    assert study.experiment("toy", "pca", "none").files == ()


def test_logic_genes_declare_no_covariate_but_the_sample_itself():
    config = changed(["datasets", "toy"], {"kind": "logic-genes", "logic": {"independent": 3}})
    study = study_of(config)
    assert study.dataset("toy")["logic"] == {"independent": 3, "values": "binary", "samples": 1000}
    assert study.dataset("toy")["columns"] == ["patient"]
    assert study.dataset("toy")["roles"] == {"group": "patient", "label": None, "strata": []}


NEW = {"kind": "local", "files": {"expression": "new.tsv"}, "project_onto": "toy/vae/grid"}


def test_a_projected_dataset_needs_no_clinical_table_and_trains_nothing():
    study = study_of(changed(["datasets", "new"], NEW))
    assert study.datasets == ["toy"]
    assert study.projections == {"new": ("toy", "vae", "grid")}
    assert study.target("new").key == ("toy", "vae", "grid")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"project_onto": "toy/vea/grid"},
            "datasets.new.project_onto: toy/vea/grid is not an experiment of the study; "
            "did you mean 'toy/vae/grid'?",
        ),
        ({"project_onto": "toy/vae"}, "toy/vae is not an experiment of the study"),
        (
            {"kind": "logic-genes", "logic": {"independent": 3}, "files": None},
            "datasets.new.project_onto: logic genes are no samples",
        ),
        ({"tables": ["clinical"]}, "datasets.new.tables: found in a dataset with project_onto"),
        ({"source": "pancan-2016"}, "datasets.new.source: belongs to kind `xena`"),
    ],
)
def test_a_wrong_projection_is_refused_while_parsing(entry, message):
    with pytest.raises(InputError) as error:
        wrong = {key: value for key, value in {**NEW, **entry}.items() if value is not None}
        study_of(changed(["datasets", "new"], wrong))
    assert message in str(error.value)


def test_a_dataset_is_trained_on_or_projected_not_both():
    with pytest.raises(InputError, match="`experiments` trains models on toy"):
        study_of(changed(["datasets", "toy", "project_onto"], "toy/vae/grid"))


def test_a_dataset_that_is_trained_on_needs_its_clinical_table():
    with pytest.raises(InputError, match="datasets.toy.files.clinical: missing"):
        study_of(changed(["datasets", "toy", "files"], {"expression": "x.tsv"}))


def test_a_projection_of_a_dataset_without_target_is_refused():
    with pytest.raises(InputError, match="datasets.toy.project_onto: missing"):
        study_of(SMALL).target("toy")


def test_every_model_is_trained_again_on_the_same_bootstrap_samples():
    config = copy.deepcopy(SMALL) | {"explain": {"stability_seeds": 1, "bootstraps": 2}}
    study = study_of(config)
    vae, pca = study.experiment("toy", "vae", "grid"), study.experiment("toy", "pca", "none")
    assert replicates.names_of(study, vae) == ["seed_1", "bootstrap_1", "bootstrap_2"]
    assert replicates.names_of(study, pca) == ["bootstrap_1", "bootstrap_2"]  # in closed form
    seeds = [replicates.seed_of(study, each, "bootstrap_1") for each in (vae, pca)]
    assert seeds[0] == seeds[1] != replicates.seed_of(study, vae, "bootstrap_2")
    assert replicates.seed_of(study, vae, "seed_1") == study.seed(*vae.key, "replicate", "1")
    assert replicates.groups_of(study, vae, "bootstrap_1") == "patient"
    assert replicates.groups_of(study, vae, "seed_1") is None
    config["explain"] = {"stability_seeds": 0, "bootstraps": 0}
    assert replicates.names_of(study_of(config), vae) == []


def test_a_contrast_is_part_of_a_training_only_where_the_objective_reads_it_out():
    config = changed(["models", "pca"], {"module": "pca", "objective": "readout:sex"})
    study = study_of(config)
    upon, without = (study.experiments["toy", *key] for key in (("pca", "none"), ("vae", "grid")))
    asked = {"sex": {"covariate": "sex", "positive": ["male"]}}
    assert study.training_options(upon)["contrasts"] == asked
    assert study.training_options(without)["contrasts"] == {}
    assert "tybalt.analysis.readouts" in study.modules_of(upon)
    assert "tybalt.analysis.readouts" not in study.modules_of(without)
