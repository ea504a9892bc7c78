"""What a dry run says: job counts, names, errors; nothing is computed here."""

import importlib
import inspect
import re
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT, TINY

from tybalt.data.kinds import load

#: Rules that use another one's script, for models that need no accelerator.
INHERITED = {"fit_trial": "train_trial", "fit_model": "train_model"}
INHERITED |= {"fit_replicate": "train_replicate"}
INHERITED |= {"simulate_dataset_simulated": "simulate_dataset"}
#: Those that ask of codes before their rotation what is asked of features.
INHERITED |= {"associate_unrotated": "associate_features"}
INHERITED |= {"find_unrotated_gene_sets": "find_gene_sets"}
INHERITED |= {"measure_unrotated_stability": "measure_stability"}

#: Rules that run a function of their dataset's kind.
OF_KINDS = {"read_dataset": "read", "simulate_dataset": "simulate"}

#: What the rules of figures share; they have no outputs and are never run.
TEMPLATES = {"draw_dataset", "draw_experiment"}

FUNCTION = re.compile(r"^run\((\w+), snakemake\)$", re.MULTILINE)


def script_function(rule: str):
    """Import the library function that a rule's script calls."""
    rule = INHERITED.get(rule, rule)
    if rule in OF_KINDS:
        return getattr(load("simulated"), OF_KINDS[rule])
    text = (ROOT / "workflow" / "scripts" / f"{rule}.py").read_text()
    (name,) = FUNCTION.findall(text)
    module = re.search(rf"^from (\S+) import {name}$", text, re.MULTILINE).group(1)
    return getattr(importlib.import_module(module), name)


@pytest.fixture(scope="module")
def rules():
    """Load the workflow as Snakemake does, and list the rules that have a script."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, ResourceSettings, StorageSettings

    with SnakemakeApi() as api:
        workflow_api = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(),
            storage_settings=StorageSettings(),
            snakefile=ROOT / "Snakefile",
            workdir=ROOT,
        )
        found = {rule.name: rule for rule in workflow_api._workflow.rules if rule.script}
    for name in TEMPLATES:
        found.pop(name)
    assert len(found) > 10
    return found


def names_of(rule) -> list[str]:
    groups = [rule.input, rule.params, rule.output]
    return [name for group in groups for name, _ in group._get_names()]


def test_every_rule_gives_its_function_exactly_the_arguments_it_takes(rules):
    for name, rule in rules.items():
        given = names_of(rule)
        assert len(given) == len(set(given)), f"{name}: a name is used twice"
        accepted = set(inspect.signature(script_function(name)).parameters)
        accepted -= {"threads", "checkpoint", "contrasts_to_check"}  # filled by the adapter
        if name == "read_dataset":  # its inputs are those that the kind reads
            accepted -= {"expression", "clinical", "known_columns"}
        assert set(given) - {"code", "script", "content", "provenance"} == accepted, name


def test_one_name_for_rule_script_function_log_benchmark_and_caption(rules):
    for name, rule in rules.items():
        script = rule.script.format(params=rule.params)
        assert script == f"../scripts/{INHERITED.get(name, name)}.py"
        own = INHERITED.get(name, name)
        assert script_function(name).__name__ == OF_KINDS.get(own, own)
        folder = own if own in OF_KINDS else name
        assert str(rule.log[0]).startswith(f"results/logs/{folder}/")
        if name.startswith("plot_"):
            assert rule.benchmark is None, "what a figure takes serves nobody"
        else:
            assert str(rule.benchmark).startswith(f"results/benchmarks/{folder}/")
        assert "code" in names_of(rule), f"{name}: edits of the library would not rerun it"
    captions = {path.stem for path in (ROOT / "workflow" / "report").glob("plot_*.rst")}
    assert captions == {name for name in rules if name.startswith("plot_")}


def test_every_rule_names_memory_and_time(rules):
    for name, rule in rules.items():
        assert {"mem_mb", "runtime"} <= set(rule.resources), name


def test_every_script_opens_with_a_docstring_and_calls_one_function(rules):
    scripts = {path.stem for path in (ROOT / "workflow" / "scripts").glob("*.py")}
    assert scripts == {INHERITED.get(name, name) for name in rules}
    for name in scripts:
        lines = (ROOT / "workflow" / "scripts" / f"{name}.py").read_text().splitlines()
        assert len([line for line in lines if line]) == 4, name


def test_the_full_study_plans_240_vae_trainings(pristine):
    counts = pristine.planned("tune", overlay="")
    # 240 VAEs; ADAGE: 4 noises x 3 sparsities x 6 learning rates x 2 batch sizes = 144; 1 PCA.
    assert counts["train_trial"] == 240 + 144
    assert counts["fit_trial"] == 1
    assert counts["rank_trials"] == 3


def test_the_demo_plans_every_stage(pristine):
    counts = pristine.planned(overlay="config/demo.yaml")
    # VAE grid 2 x 2, ADAGE grid 2 x 2, PCA 1
    assert counts["train_trial"] == 4 + 4
    assert counts["fit_trial"] == counts["fit_model"] == 1
    assert counts["train_model"] + counts["fit_model"] == counts["plot_embedding"] == 3
    assert counts["plot_contrast"] == counts["plot_genes"] == 3 * 2
    assert counts["train_replicate"] == 2 * (1 + 3)  # another seed, three bootstrap samples
    assert counts["fit_replicate"] == 3  # PCA has no seed
    assert counts["measure_stability"] == counts["compare_refits"] == 3
    assert counts["measure_gene_differences"] == counts["list_findings"] == 3
    assert counts["measure_readouts"] == 3
    assert counts["compare_readouts"] == 1
    assert counts["compare_rotations"] == counts["measure_unrotated_stability"] == 3
    assert counts["measure_embeddings"] == counts["match_models"] == 1
    assert counts["plot_embedding_quality"] == counts["plot_matches"] == 1
    assert counts["plot_trials"] == counts["plot_parallel"] == counts["plot_progress"] == 2
    assert counts["plot_curves"] == 1


def test_the_basics_plan_their_searches_and_no_figure_of_covariates(pristine):
    counts = pristine.planned(overlay="config/basics.yaml")
    # depth 0, and depths 1 to 6 x 4 widths; 6 latent dimensions, on two datasets; 5 optimizers x 3
    # learning rates; two autoencoders on each of the two others, and PCA on all three
    assert counts["train_trial"] == (1 + 6 * 4) + 2 * 6 + 15 + 2 + 2
    assert counts["fit_trial"] == counts["fit_model"] == 3
    assert counts["read_dataset"] == 3
    assert "compare_rotations" not in counts
    assert counts["train_model"] == 3 + 3 + 2
    assert counts["plot_agreement"] == 3 + 4 + 4
    assert counts["plot_published_search"] == 2  # depth and width; latent dimension
    assert counts["plot_parallel"] == counts["plot_importance"] == 4
    assert counts["plot_progress"] == 4
    assert counts["plot_curves"] == 3
    assert not {
        "plot_embedding",
        "plot_gene_embedding",
        "plot_contrast",
        "simulate_dataset_simulated",
    } & set(counts)


@pytest.mark.parametrize(
    "target", ["download", "preprocess", "tune", "train", "encode", "embed", "figures", "share"]
)
def test_every_stage_has_a_target(pristine, target):
    done = pristine.snakemake("-n", "--", target)
    assert target == "download" or target in job_names(done.stdout)


def job_names(text: str) -> set[str]:
    return {line.split()[0] for line in text.splitlines() if line and line[0].isalpha()}


NEW = {
    "new": {
        "kind": "simulated",
        "simulation": {"samples": 100, "genes": 1500, "cancer_types": ["BRCA", "GBM"]},
        "project_onto": "tiny/tiny-pca/none",
    }
}


def test_new_samples_need_only_their_expression_and_one_trained_model(workflow):
    workflow.configure({**TINY, "datasets": {**TINY["datasets"], **NEW}})
    counts = workflow.planned("project")
    assert counts["project_samples"] == counts["plot_projection"] == 1
    # The training cohort and the new one are simulated, and only the target is trained.
    assert counts["simulate_dataset_simulated"] == 2
    assert counts["read_dataset"] == counts["fit_trial"] == counts["fit_model"] == 1
    assert "train_trial" not in counts


def test_the_rest_of_the_plan_does_not_change_with_new_samples(pristine, workflow):
    before = pristine.planned()
    workflow.configure({**TINY, "datasets": {**TINY["datasets"], **NEW}})
    after = workflow.planned()
    more = {name: after[name] - before.get(name, 0) for name in after if name != "total"}
    assert {name: count for name, count in more.items() if count} == {
        "simulate_dataset_simulated": 1, "project_samples": 1, "plot_projection": 1,
    }  # fmt: skip


def test_every_dataset_is_summed_up_in_three_files(pristine):
    counts = pristine.planned()
    assert counts["build_explorer"] == counts["write_summary"] == counts["assemble_study"] == 1


def test_parsing_imports_nothing_heavy():
    code = (
        "import sys; sys.path.insert(0, 'workflow/scripts');"
        "import yaml, tybalt.plan.config, tybalt.plan.code_hash, tybalt.jobs.driver;"
        "from tybalt.plan.experiments import build_study; from tybalt.plan.config import *;"
        "from pathlib import Path;"
        "schema = load_schema(Path('workflow/schemas/config.schema.yaml'));"
        "config = yaml.safe_load(Path('config/config.yaml').read_text());"
        "sources = yaml.safe_load(Path('resources/sources.yaml').read_text());"
        "build_study(check_config(config, schema), sources);"
        "tybalt.plan.code_hash.code_hash('train_trial', 'tybalt.models.vae');"
        "heavy = {'tensorflow', 'keras', 'keras_tuner', 'pandas', 'numpy', 'anndata'};"
        "heavy &= set(sys.modules);"
        "sys.exit(f'imported while parsing: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modells": {}}, "modells: unknown key; did you mean 'models'?"),
        (
            {"models": {"tiny-vae": {"module": "vae", "fixed": {"latent_dims": 5}}}},
            "models.tiny-vae.fixed.latent_dims: unknown hyperparameter; did you mean 'latent_dim'?",
        ),
        (
            {
                "datasets": {
                    **TINY["datasets"],
                    "new": {**NEW["new"], "project_onto": "tiny/pca/none"},
                }
            },
            "datasets.new.project_onto: tiny/pca/none is not an experiment of the study; "
            "did you mean 'tiny/tiny-pca/none'?",
        ),
        (
            {"experiments": [{"datasets": ["tyni"], "models": ["tiny-pca"]}]},
            "experiments[0].datasets: there is no 'tyni' under `datasets`; did you mean 'tiny'?",
        ),
    ],
)
def test_a_wrong_config_is_one_message_and_nothing_runs(workflow, change, message):
    workflow.configure({**TINY, **change})
    done = workflow.snakemake(check=False)
    assert done.returncode != 0
    assert message in done.stdout
    assert "Traceback" not in done.stdout
    assert not workflow.path("results").exists()


def test_the_committed_configs_are_overlays_of_valid_yaml():
    for path in (ROOT / "config").glob("*.yaml"):
        assert isinstance(yaml.safe_load(path.read_text()), dict)
