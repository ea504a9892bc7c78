"""What a study makes: one table of files, and what each of them needs (PURE).

`rule all`, pages, report and results/README.md ask this table. A file is planned for a dataset or
an experiment of which all its `needs` are facts:

- of a dataset: what its kind says (`cohort`: its rows are samples of which something is known;
  `planted factors`; `few features`), the role `label`, `contrasts` (a column to ask for), `named
  contrasts`, `several models`, its tables (`table clinical`), its tasks (`explain`), and
  `projected`, which is all that is true of new samples; of a dataset that has repeats `repeated`,
  and of all that are not the repeat of another `first split`: repeats share their tables;
- of an experiment, besides: the verbs and tasks of its model (`encode`, `weights`), `searched`,
  `replicated` (trained again, with other seeds or on bootstrap samples), `bootstrapped`, `rotated`;
- of both: what has been published of them (`tybalt.plan.reproduction`).
"""

import ast
import dataclasses
import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from tybalt.plan import replicates, reproduction
from tybalt.plan.datasets import kind_of
from tybalt.plan.experiments import Experiment, Study
from tybalt.plan.models_and_tuners import PACKAGE, load_plugin


@dataclasses.dataclass(frozen=True)
class Output:
    """One kind of file.

    Parameters
    ----------
    path
        Below the folder of results, with wildcards in braces.
    what
        What it holds, for results/README.md.
    needs
        Facts that must hold for it to be planned.
    stage
        What asks for it: data, tune, train, explain, figure, share or project.
    """

    path: str
    what: str
    needs: tuple[str, ...] = ()
    stage: str = "explain"

    @property
    def wildcards(self) -> tuple[str, ...]:
        """The names of its wildcards."""
        return tuple(re.findall(r"{(\w+)}", self.path))


DATASET, EXPERIMENT = "{dataset}", "{dataset}/{model}/{tuner}"

_EXPLAIN = ("explain",)
_COHORT = ("explain", "cohort")
_PLANTED = ("explain", "planted factors")

TABLES = (
    Output(
        f"{DATASET}/matrix.h5ad",
        "the matrix: samples x features as models see them, clinical columns, the split",
        stage="data",
    ),
    Output(
        f"{DATASET}/samples.tsv",
        "the samples: their part of the split and their columns",
        stage="data",
    ),
    Output(
        f"{DATASET}/columns.tsv",
        "the columns of samples.tsv: roles, values, what is not understood, what is asked",
        ("cohort",),
        "data",
    ),
    Output(
        f"{DATASET}/testable.tsv",
        "which contrasts this split can test, and which larger test parts could",
        ("cohort",),
        "data",
    ),
    Output(
        f"{DATASET}/published_check.json",
        "is it the published TCGA matrix? (a run on the published freeze fails if not)",
        ("published facts",),
        "data",
    ),
    Output(
        f"{DATASET}/clinical.tsv",
        "all rows of the clinical table",
        ("table clinical", "first split"),
        "data",
    ),
    Output(
        f"{DATASET}/mutations.h5ad",
        "samples x genes, 1 = mutated",
        ("table mutations", "first split"),
        "data",
    ),
    Output(
        f"{DATASET}/mutation_burden.tsv",
        "mutations of each sample",
        ("table mutations", "first split"),
        "data",
    ),
    Output(
        f"{DATASET}/copy_number_gain.h5ad",
        "samples x genes, 1 = gained",
        ("table copy_number", "first split"),
        "data",
    ),
    Output(
        f"{DATASET}/copy_number_loss.h5ad",
        "samples x genes, 1 = lost",
        ("table copy_number", "first split"),
        "data",
    ),
    Output(
        f"{DATASET}/status.h5ad",
        "samples x genes, 1 = hit in any way",
        ("table status", "first split"),
        "data",
    ),
    Output(f"{EXPERIMENT}/trials.tsv", "every setting tried, best first", stage="tune"),
    Output(f"{EXPERIMENT}/best.json", "the winner", stage="tune"),
    Output(
        f"{EXPERIMENT}/trial_readouts.tsv",
        "for each setting and named contrast: how well validation samples read it out of the whole "
        "code",
        stage="tune",
    ),
    Output(
        f"{EXPERIMENT}/importance.tsv",
        "what each hyperparameter explains of the score, and how far to trust that",
        ("searched",),
        "tune",
    ),
    Output(
        f"{DATASET}/progress_{{model}}.tsv",
        "the best score against the number of trainings, of every tuner of a model",
        ("searched",),
        "tune",
    ),
    Output(
        f"{EXPERIMENT}/model.zip",
        "the trained model: all that encoding new samples needs",
        stage="train",
    ),
    Output(f"{EXPERIMENT}/history.tsv", "its loss terms, epoch by epoch", stage="train"),
    Output(
        f"{EXPERIMENT}/encoding.tsv.gz", "codes of all samples: `sample`, `z1` ...", ("encode",)
    ),
    Output(
        f"{EXPERIMENT}/gene_weights.tsv.gz",
        "weight of each gene in each latent feature",
        ("weights",),
    ),
    Output(
        f"{EXPERIMENT}/features_with_clinical.tsv.gz",
        "the codes beside the clinical columns",
        ("encode", "table clinical"),
    ),
    Output(
        f"{EXPERIMENT}/reconstruction_genes.tsv.gz",
        "reconstruction error by gene",
        ("reconstruct",),
    ),
    Output(
        f"{EXPERIMENT}/reconstruction_samples.tsv.gz",
        "reconstruction error by sample",
        ("reconstruct",),
    ),
    Output(
        f"{EXPERIMENT}/values.tsv.gz",
        "true and reconstructed values",
        ("reconstruct", "few features"),
    ),
    Output(
        f"{DATASET}/gene_embedding.tsv",
        "the samples embedded by their genes: t-SNE and PCA, two columns each",
        _COHORT,
    ),
    Output(f"{EXPERIMENT}/embedding.tsv", "the samples embedded by their codes", _COHORT),
    Output(
        f"{DATASET}/embedding_quality.tsv",
        "what every embedding preserves of the samples' neighbours",
        _COHORT,
    ),
    Output(f"{DATASET}/embedding_purity.tsv", "how pure each label is in every embedding", _COHORT),
    Output(
        f"{EXPERIMENT}/associations.tsv",
        "the effect of each contrast on each feature, on training and on held-out samples",
        _EXPLAIN,
    ),
    Output(f"{EXPERIMENT}/contrasts.tsv", "what was compared, and of how many samples", _EXPLAIN),
    Output(
        f"{EXPERIMENT}/readouts.tsv",
        "each contrast read out of the whole code: cross-validated on training samples, evaluated "
        "on held-out samples",
        _EXPLAIN,
    ),
    Output(
        f"{EXPERIMENT}/high_weight_genes.tsv",
        "genes beyond 2.5 standard deviations on each side of each feature",
        _COHORT,
    ),
    Output(f"{EXPERIMENT}/gene_sets.tsv", "the gene sets among them", _COHORT),
    Output(
        f"{EXPERIMENT}/stability.tsv",
        "each feature in trainings with other seeds and on bootstrap samples of the training "
        "groups: its match and their correlation (codes in `replicates/`)",
        (*_COHORT, "replicated"),
    ),
    Output(
        f"{EXPERIMENT}/refits.tsv",
        "for each contrast its best feature in the trainings on bootstrap samples: is it there?",
        (*_COHORT, "bootstrapped"),
    ),
    Output(
        f"{EXPERIMENT}/gene_differences.tsv",
        "for each contrast the expression of the high-weight genes of its best feature: does each "
        "differ as its weight says?",
        _COHORT,
    ),
    Output(
        f"{EXPERIMENT}/rotation.tsv",
        "findings, gene sets and stability of the features beside those of the codes before their "
        "rotation (whose tables are in `unrotated/`)",
        (*_COHORT, "rotated"),
    ),
    Output(
        f"{EXPERIMENT}/feature_pairs.tsv",
        "for each named contrast the feature that best helps the best one, and their AUROC",
        (*_COHORT, "named contrasts"),
    ),
    Output(
        f"{EXPERIMENT}/pair_points.tsv.gz",
        "the samples by these two features",
        (*_COHORT, "named contrasts"),
    ),
    Output(
        f"{EXPERIMENT}/findings.tsv",
        "the result: for each contrast its best feature, its three marks (separates, comes back, "
        "genes agree), the verdict (confirmed, partly confirmed, not confirmed, not testable), the "
        "genes behind it",
        _COHORT,
    ),
    Output(
        f"{DATASET}/matched_features.tsv",
        "features that two models share: matched one to one, with their correlation",
        _EXPLAIN,
    ),
    Output(
        f"{EXPERIMENT}/evaluation.json",
        "its measures: reconstruction, nearest neighbours, contrasts, cost",
        _EXPLAIN,
    ),
    Output(
        f"{DATASET}/readouts.tsv",
        "those of all models side by side: which model has lost what another has, and, on "
        "validation samples, whether the chosen setting has lost it",
        _EXPLAIN,
    ),
    Output(
        f"{DATASET}/leaderboard.tsv",
        "every model of the dataset, measured on one scale, beside the controls (column `control`)",
        _EXPLAIN,
    ),
    Output(
        f"{DATASET}/repeats.tsv",
        "measures and contrasts of every model in all repeats of the split, with mean and range",
        (*_COHORT, "repeated"),
    ),
    Output(
        f"{EXPERIMENT}/planted_factors.tsv",
        "how much of each planted factor the code explains",
        _PLANTED,
    ),
    Output(f"{DATASET}/planted_factors.tsv", "those of all models", _PLANTED),
    Output(
        f"{DATASET}/summary.html",
        "one page to send on: models, findings, embeddings, caveats, cost, how to cite",
        _COHORT,
        "share",
    ),
    Output(
        f"{DATASET}/explorer.html",
        "every embedding, to be explored in a browser; one file, no server, no network",
        _COHORT,
        "share",
    ),
    Output(
        f"{DATASET}/study.h5ad",
        "everything in one file, named as scanpy and cellxgene expect: codes and embeddings in "
        "`obsm`, weights in `varm`, tables in `uns`, new samples in `uns/new_samples`",
        _COHORT,
        "share",
    ),
    Output(
        f"{DATASET}/projection.tsv",
        "new samples: place in the embedding, nearest training sample, ranks of distance and error "
        "among held-out samples, predicted label, doubts, own clinical columns",
        ("projected",),
        "project",
    ),
    Output(f"{DATASET}/projected_encoding.tsv.gz", "their codes", ("projected",), "project"),
    Output(
        f"{DATASET}/projection.json",
        "what speaks against them (missing genes and cells and their cost, values out of range, "
        "the ranks of the cohort and their limits)",
        ("projected",),
        "project",
    ),
)


@cache
def figures() -> dict[str, Output]:
    """Find the figures by their files, without importing them: rule -> output without suffix.

    A module `figures/plot_*.py` declares `FIGURE_OF` (dataset or experiment), `NEEDS`, and `NAME`
    where its files are not called after the module.
    """
    found = {}
    for file in sorted((PACKAGE / "figures").glob("plot_*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        declared = {
            node.targets[0].id: ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id in ("FIGURE_OF", "NEEDS", "NAME")
        }
        place = {"dataset": DATASET, "experiment": EXPERIMENT}[declared["FIGURE_OF"]]
        name = declared.get("NAME", file.stem.removeprefix("plot_"))
        what = (ast.get_docstring(tree) or "").partition("\n")[0].rstrip(".")
        found[file.stem] = Output(f"{place}/figures/{name}", what, declared["NEEDS"], "figure")
    return found


def outputs() -> list[Output]:
    """List everything, figures as PNG and PDF."""
    drawn = [
        dataclasses.replace(figure, path=f"{figure.path}.{suffix}")
        for figure in figures().values()
        for suffix in ("png", "pdf")
    ]
    return [*TABLES, *drawn]


def files(study: Study, *stages: str) -> list[str]:
    """List the files of a study (of these stages, or all), below the folder of results."""
    return paths_of(study, [each for each in outputs() if not stages or each.stage in stages])


def files_named(study: Study, *names: str, dataset: str | None = None) -> list[str]:
    """List the files whose pattern ends in one of these names; of one dataset if it is given."""
    named = [
        output
        for output in outputs()
        if output.path.removeprefix(f"{EXPERIMENT}/").removeprefix(f"{DATASET}/") in names
    ]
    paths = paths_of(study, named)
    return [path for path in paths if dataset is None or path.startswith(f"{dataset}/")]


class Place(NamedTuple):
    """A dataset or an experiment that may have an output."""

    wildcards: dict[str, str]
    facts: set[str]
    contrasts: list[str]  #: those that the config names


def paths_of(study: Study, chosen: Sequence[Output]) -> list[str]:
    """List the paths of these outputs in a study, output by output."""
    datasets, experiments = places_of_datasets(study), places_of_experiments(study)
    return [
        path
        for output in chosen
        for path in dict.fromkeys(
            path
            for place in (experiments if "model" in output.wildcards else datasets)
            for path in paths_at(place, output)
        )
    ]


def paths_at(place: Place, output: Output) -> list[str]:
    """List the paths of an output at one place; none where a need is no fact."""
    projected = "projected" in output.needs
    if not set(output.needs) <= place.facts or ("projected" in place.facts) != projected:
        return []
    if "contrast" not in output.wildcards:
        return [output.path.format(**place.wildcards)]
    return [output.path.format(**place.wildcards, contrast=name) for name in place.contrasts]


def places_of_datasets(study: Study) -> list[Place]:
    """List the datasets of a study, those of new samples too."""
    return [
        Place({"dataset": name}, facts_of_dataset(study, name), [*study.dataset(name)["contrasts"]])
        for name in (*study.datasets, *study.projections)
    ]


def places_of_experiments(study: Study) -> list[Place]:
    """List the experiments of a study."""
    return [
        Place(
            dict(zip(("dataset", "model", "tuner"), experiment.key, strict=True)),
            facts_of_experiment(study, experiment),
            [*study.dataset(experiment.dataset)["contrasts"]],
        )
        for experiment in study.experiments.values()
    ]


def facts_of_dataset(study: Study, name: str) -> set[str]:
    """Say what is true of a dataset, in the words of `needs`."""
    if name in study.projections:
        return {"projected"}
    entry = study.dataset(name)
    facts = {
        *kind_of(entry).FACTS,
        *entry["tasks"],
        *(f"table {table}" for table in entry["tables"]),
    }
    facts |= reproduction.facts_of_dataset(entry)
    if entry["roles"].get("label"):
        facts.add("label")
    if set(entry["columns"]) - {entry["roles"]["group"]}:
        facts.add("contrasts")
    if entry["contrasts"]:
        facts.add("named contrasts")
    if len(study.experiments_of(name, "explain")) > 1:
        facts.add("several models")
    if name == study.first_split(name):
        facts.add("first split")
        facts |= {"repeated"} if len(study.repeats(name)) > 1 else set()
    return facts


def facts_of_experiment(study: Study, experiment: Experiment) -> set[str]:
    """Say what is true of an experiment: what is true of its dataset, and more."""
    module = load_plugin("models", experiment.module, f"models.{experiment.model}")
    entry = study.dataset(experiment.dataset)
    facts = facts_of_dataset(study, experiment.dataset) - {*entry["tasks"]}
    facts |= {*experiment.tasks, *module.VERBS}
    facts |= reproduction.facts_of_experiment(entry, experiment)
    if experiment.searched:
        facts.add("searched")
    again = replicates.names_of(study, experiment)
    if again:
        facts.add("replicated")
    if any(name.startswith(replicates.BOOTSTRAP) for name in again):
        facts.add("bootstrapped")
    if experiment.is_rotated:
        facts.add("rotated")
    return facts
