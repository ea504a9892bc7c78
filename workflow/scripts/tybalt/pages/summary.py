"""One page for a dataset: what was trained, what was found, what to beware of, how to cite it."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from tybalt.analysis.columns import caveats
from tybalt.analysis.control_rows import are_of_kind, models_of, names_of_rows
from tybalt.analysis.embedding_quality import FEW, MANY, read_embedding_quality
from tybalt.analysis.findings import NOTHING, Finding, read_findings
from tybalt.analysis.marks import NO, UNKNOWN, YES, count_verdicts
from tybalt.analysis.neural_against_bar import neural_against_bar
from tybalt.analysis.numbers import DASH, decimal, percent, value_in_words, with_interval
from tybalt.analysis.repeats import recommend
from tybalt.analysis.testable import untested_caveats
from tybalt.data.matrix import PARTS, read_features, read_notes
from tybalt.data.samples import Samples, read_samples
from tybalt.jobs.files import read_json, read_table
from tybalt.pages.html import asset, inline_image, render
from tybalt.pages.repeats import contrast_rows, model_rows, others_in_words, repeat_in_words
from tybalt.plan.controls import Control, controls_of
from tybalt.plan.errors import InputError, shown, some
from tybalt.plan.gene_sets import SMALLEST_SHARE, read_gmt, share_of_known
from tybalt.plan.names import SOLE_BLOCK, experiment_name, in_words, plural
from tybalt.plan.places import HOME

log = logging.getLogger(__name__)

#: Values clipped to 0..1 are worth a warning above this share: test samples lie outside the range.
CLIPPED = 0.01

#: Width in pixels of the pictures on the page.
PICTURE_WIDTH = 900

#: Rules named in the table of costs; the others are summed.
RULES_SHOWN = 6

#: Confirmed findings of further contrasts that are listed for each model.
OTHERS_SHOWN = 4

#: The task whose controls the leaderboard has.
TASK = "explain"

#: Columns of the leaderboard in which a model has to clear the bar; more is better.
QUALITIES = ("explained", "knn_accuracy")

#: Columns of rotation.tsv that the page shows as numbers from 0 to 1.
STABILITIES = ("stability", "stability_of_best", "stability_over_seeds")

#: Columns of the leaderboard that the page shows, with their headings.
SHOWN = {
    "explained": "variance explained",
    "knn_accuracy": "label, kNN accuracy",
    "active_units": "active features",
    "parameters": "parameters",
    "trainings": "trainings",
}


def write_summary(
    samples: str,
    matrix: str,
    tables: Sequence[str],
    leaderboard: str,
    trials: Sequence[str],
    findings: Sequence[str],
    provenances: Sequence[str],
    rotations: Sequence[str],
    pictures: Sequence[str],
    dataset: Mapping[str, Any],
    summary: str,
) -> None:
    """Write one page that can be sent on: no other file is needed to read it.

    Parameters
    ----------
    samples, matrix, leaderboard
        Files of the dataset; of the matrix only the notes and the names of the features are read.
    tables
        Further tables of the dataset, known by their names: columns.tsv, testable.tsv,
        embedding_quality.tsv, and repeats.tsv where the dataset has repeats.
    trials, findings
        Files of every experiment.
    provenances
        Records of the matrix and of every model.
    rotations
        Outputs of `compare_rotations`, of the experiments whose codes are rotated.
    pictures
        The embedding by genes and that of every experiment, PNG; none where samples have no label.
    dataset
        ``name`` of the dataset, its ``roles``, ``experiments`` ((model, tuner) of each, in the
        order of its files), ``rotated`` (those whose codes are rotated), its ``repeats`` by name
        (the first is that of the config), the ``split`` of the config, ``gene_sets`` (files that
        were looked for; findings are made of them) and ``benchmarks``: the folder of Snakemake's
        benchmark files. They are read as they are found, and are no input, because a benchmark that
        is missing must not train a model again.
    summary
        Output, an HTML page.
    """
    title, known = dataset["name"], read_samples(samples, dataset["roles"])
    experiments = dataset["experiments"]
    notes, board = read_notes(matrix), read_table(leaderboard)
    models, paths = models_of(board), {Path(path).name: path for path in tables}
    repeats = read_table(paths["repeats.tsv"]) if "repeats.tsv" in paths else None
    searches = {
        tuple(experiment): read_table(ranking)
        for experiment, ranking in zip(experiments, trials, strict=True)
    }
    of_models = {
        tuple(experiment): read_findings(path)
        for experiment, path in zip(experiments, findings, strict=True)
    }
    records = [read_json(path) for path in provenances]
    found = named_findings(of_models)
    page = render(
        "summary.html",
        title=title,
        style=asset("summary.css"),
        headline=[
            *headline(title, known, notes, models),
            *neural_against_bar(board, known.label_in_words),
        ],
        parts={part: int((known.split == part).sum()) for part in PARTS},
        board=board_rows(board, searches),
        headings=headings(board, known.label_in_words),
        label=known.label_in_words,
        groups=plural(in_words(known.roles["group"])),
        evaluated_on=models["evaluated_on"].iloc[0],
        findings=found,
        others=[other_findings(experiment, findings) for experiment, findings in of_models.items()],
        repeat=repeat_in_words(title, dataset["repeats"]),
        repeats=None if repeats is None else repeated(repeats, board),
        embeddings=embedding_rows(read_embedding_quality(paths["embedding_quality.tsv"])),
        rotations=[
            row
            for experiment, path in zip(dataset["rotated"], rotations, strict=True)
            for row in rotation_rows(experiment_name(*experiment), read_table(path))
        ],
        warnings=[
            *against_the_bar(board, known.label_in_words),
            *map(str, notes.get("caveats", [])),
            *recommend(len(known.index), len(dataset["repeats"]), dataset["split"]["method"]),
            *untested_caveats(read_table(paths["testable.tsv"])),
            *caveats(read_table(paths["columns.tsv"])),
            *unknown_sets(dataset["gene_sets"], read_features(matrix)),
            *warnings(models, searches, notes, records, found),
        ],
        pictures=[inline_image(path, PICTURE_WIDTH) for path in chosen_pictures(pictures, models)],
        costs=costs(Path(dataset["benchmarks"]), title),
        made=how_made(records),
        citations=citations(HOME / "CITATION.cff", models["module"]),
    )
    Path(summary).write_text(page, encoding="utf-8")
    log.info("%d models, %d findings, %.0f kB", len(models), len(found), len(page) / 1e3)


def repeated(table: pd.DataFrame, board: pd.DataFrame) -> dict[str, Any]:
    """Lay out what all repeats of the split say (repeats.tsv), by the measures of the page."""
    measures = [name for name in SHOWN if name in board]
    return {
        "models": model_rows(table, measures, compared=len(by_blocks(models_of(board))) == 1),
        "contrasts": contrast_rows(table),
        "others": others_in_words(table),
    }


def headline(
    title: str, samples: Samples, notes: Mapping[str, Any], board: pd.DataFrame
) -> list[str]:
    """Say in two or three sentences what was done and what came out."""
    counts = notes["counts"]
    held_out = f"{board['evaluated_on'].iloc[0]} samples"
    lines = [
        f"{len(board)} models were trained on {title}: {len(samples.index):,} samples, "
        f"{counts['chosen_genes']:,} genes, {int(board['trainings'].sum()):,} trainings.",
    ]
    for blocks, models in by_blocks(board):
        best = models.iloc[0]
        what = "expression" if blocks == SOLE_BLOCK else blocks
        lines.append(
            f"On {held_out}, {experiment_name(best['model'], best['tuner'])} reconstructs {what} "
            f"best: R² = {best['explained']:.2f}."
        )
    if "knn_accuracy" in board and board["knn_accuracy"].notna().any():
        named = board.sort_values("knn_accuracy", ascending=False, kind="stable").iloc[0]
        lines.append(
            f"A kNN classifier on the code of {experiment_name(named['model'], named['tuner'])} "
            f"predicts {samples.label_in_words} with {percent(named['knn_accuracy'])} accuracy "
            f"({100 * named['knn_low']:.0f} to {percent(named['knn_high'])}, {held_out}, mean over "
            f"{plural(samples.label_in_words)})."
        )
    return lines


def by_blocks(board: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Part the models by the blocks that they see; only errors of the same blocks compare."""
    if "blocks" not in board:
        return [(SOLE_BLOCK, board)]
    return list(board.groupby("blocks", sort=False))


def headings(board: pd.DataFrame, label: str) -> list[str]:
    """Name the measures that the table of models shows."""
    return [heading(name, label) for name in SHOWN if name in board]


def heading(measure: str, label: str) -> str:
    """Name a measure."""
    return SHOWN[measure].replace("label", label)


def board_rows(
    board: pd.DataFrame, searches: Mapping[tuple[str, str], Any]
) -> list[dict[str, Any]]:
    """List models and controls with their measures, and what they are.

    Returns
    -------
    list of dict
        `name`; `values` as text; `setting`: the one that won the search, or what a control that is
        no model stands for; `control`: what kind of control a row is, empty for other models.
    """
    controls = {control.name: control for control in controls_of(TASK)}
    rows = []
    for name, row in zip(names_of_rows(board), board.to_dict("records"), strict=True):
        control = controls.get(row["control"])
        is_model = pd.notna(row["model"])
        rows.append(
            {
                "name": name,
                "values": [measure(column, row) for column in SHOWN if column in row],
                "setting": setting(searches[row["model"], row["tuner"]])
                if is_model
                else control.what,
                "control": control_in_words(control, is_model) if control else "",
            }
        )
    return rows


def setting(ranking: pd.DataFrame) -> str:
    """Write the setting that won a search: its first row."""
    columns = list(ranking)
    searched = columns[columns.index("rank") + 1 : columns.index("round")]
    values = [f"{name} {value_in_words(ranking[name].iloc[0])}" for name in searched]
    return ", ".join(values) or "not searched"


def control_in_words(control: Control, is_model: bool) -> str:
    """Say what kind of control a row is; its name stands in the row unless it is a model."""
    return f"{control.kind}: {control.name}" if is_model else control.kind


def against_the_bar(board: pd.DataFrame, label: str) -> list[str]:
    """Say which models do not clear the bar and in what, or that no bar was run."""
    bars = board[are_of_kind(board, TASK, "bar")]
    if bars.empty:
        return [
            f"No {control.name} was run{of_blocks(board)}, so that nothing tells whether a model "
            f"is worth more than it: add a model with `module: {control.module}` to `models` and "
            "`experiments`."
            for control in controls_of(TASK, "bar")
        ]
    parts = by_blocks(board)
    if len(parts) > 1:
        return [line for _, each in parts for line in against_the_bar(each, label)]
    models = board[board["control"].isna()]
    if models.empty:
        return []
    measured = [name for name in QUALITIES if name in board and bars[name].notna().any()]
    lines = []
    for name, row in zip(names_of_rows(models), models.to_dict("records"), strict=True):
        compared = [each for each in measured if pd.notna(row[each])]
        below = [each for each in compared if row[each] <= bars[each].max()]
        if below:
            where = "any" if below == compared else "every"
            lines.append(
                f"{name} does not clear the bar in {where} measure of the table of models: "
                f"{shortfall(row, bars, below, label)}."
            )
    return lines


def of_blocks(board: pd.DataFrame) -> str:
    """Say which blocks the models of a table see, where there are several: `` on rna``."""
    return f" on {board['blocks'].iloc[0]}" if "blocks" in board else ""


def shortfall(row: Mapping[str, Any], bars: pd.DataFrame, below: Sequence[str], label: str) -> str:
    """Write the measures of a model beside those of the best bar."""
    parts = []
    for name in below:
        best = bars.sort_values(name, ascending=False).head(1)
        bar, control = names_of_rows(best)[0], best["control"].iloc[0]
        parts.append(
            f"{heading(name, label)} {percent(row[name], 1)}, {bar} ({control}) "
            f"{percent(bars[name].max(), 1)}"
        )
    return "; ".join(parts)


def measure(name: str, row: Mapping[str, Any]) -> str:
    """Write one measure of the leaderboard for people."""
    value = row[name]
    if pd.isna(value):
        return "–"
    if name == "knn_accuracy":
        return f"{percent(value)} ({100 * row['knn_low']:.0f}–{percent(row['knn_high'])})"
    return percent(value, 1) if name == "explained" else f"{int(value):,}"


def named_findings(of_models: Mapping[tuple[str, str], Sequence[Finding]]) -> list[dict[str, str]]:
    """Write what all models say to the config's contrasts, by contrast."""
    rows = [
        {
            "contrast": found.contrast,
            "model": experiment_name(*experiment),
            "feature": f"{found.feature}, {'higher' if found.higher else 'lower'}",
            "train": f"{found.train:.2f}",
            "test": effect(found),
            "readout": readout(found),
            "samples": found.samples,
            "marks": [MARKED[found.separates], comes_back(found), MARKED[found.genes_agree]],
            "over_seeds": decimal(found.stability_over_seeds),
            "genes": found.genes,
            "verdict": found.outcome,
        }
        for experiment, findings in of_models.items()
        for found in findings
        if found.named
    ]
    return sorted(rows, key=lambda row: row["contrast"])


def embedding_rows(table: pd.DataFrame) -> list[dict[str, str]]:
    """List what every embedding preserves of neighbours and labels."""
    return [
        {
            "name": row["name"],
            "kept": [percent(row[f"kept_{count}"]) for count in (FEW, MANY)],
            "trustworthiness": decimal(row["trustworthiness"]),
            "purity": percent(row["purity"]),
        }
        for row in table.to_dict("records")
    ]


def rotation_rows(name: str, table: pd.DataFrame) -> list[dict[str, str]]:
    """List what the features of a model say beside its codes before their rotation.

    Parameters
    ----------
    name
        Of the experiment.
    table
        Output of `compare_rotations`.
    """
    named = [column.removesuffix(" test") for column in table if column.endswith(" test")]
    counts = ["contrasts_separated", "pairs", "gene_sets"]
    return [
        {
            "name": name,
            "rotation": row["rotation"],
            "counts": [row[column] for column in counts],
            "stability": [decimal(row[name]) for name in STABILITIES],
            "named": ", ".join(f"{each} {decimal(row[f'{each} test'])}" for each in named),
        }
        for row in table.to_dict("records")
    ]


def effect(found: Finding) -> str:
    """Write the effect on held-out samples with its interval."""
    return DASH if pd.isna(found.test) else with_interval(found.test, found.low, found.high)


def readout(found: Finding) -> str:
    """Write the effect of the whole code on held-out samples, and from what it is read."""
    if pd.isna(found.readout):
        return DASH
    read = {"": "", NOTHING: "; not read out"}.get(found.read_from, f"; {found.read_from}")
    return with_interval(found.readout, found.readout_low, found.readout_high) + read


def other_findings(experiment: tuple[str, str], findings: Sequence[Finding]) -> str:
    """Count the confirmed findings of a model for contrasts without a name; show the first."""
    others = [found for found in findings if not found.named]
    counts = count_verdicts([found.verdict for found in others])
    confirmed = [found for found in others if found.confirmed]
    shown = [
        f"{found.contrast} ({found.feature}, {found.measure} {found.test:.2f})"
        for found in confirmed[:OTHERS_SHOWN]
    ]
    return (
        f"{experiment_name(*experiment)}: of further contrasts {counts['confirmed']} of "
        f"{counts['testable']} that could be tested are confirmed"
        + (f", among them {', '.join(shown)}" if shown else "")
        + f"; partly confirmed {counts['partly']}, too few samples {counts['untestable']}."
    )


#: How marks are written.
MARKED = {YES: "yes", NO: "no", UNKNOWN: "–"}


def comes_back(found: Finding) -> str:
    """Write whether a finding comes back in trainings on bootstrap samples, and how much of it."""
    stability = "" if pd.isna(found.stability) else f" ({found.stability:.2f})"
    return f"{MARKED[found.comes_back]}{stability}"


def warnings(
    board: pd.DataFrame,
    searches: Mapping[tuple[str, str], Any],
    notes: Mapping[str, Any],
    records: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, str]],
) -> list[str]:
    """List what a reader should know before trusting the page."""
    lines = []
    if board["evaluated_on"].iloc[0] != "test":
        lines.append(
            "There is no test part: results are evaluated on the validation samples, which also "
            "chose settings and epochs."
        )
    for row in board.to_dict("records"):
        for column in ("warnings", "limits"):
            if isinstance(row[column], str) and row[column]:
                lines.append(f"{experiment_name(row['model'], row['tuner'])}: {row[column]}.")
    for experiment, ranking in searches.items():
        lines += [f"{experiment_name(*experiment)}: {line}" for line in search_warnings(ranking)]
    if notes["clipped_share"] > CLIPPED:
        lines.append(
            f"{percent(notes['clipped_share'], 1)} of the values were clipped: held-out samples "
            "lie outside the range of the training samples."
        )
    lines += gaps(board, notes["counts"].get("blocks", {}))
    unsure = [row for row in found if row["verdict"] != "confirmed"]
    lines += [
        f"{row['contrast']} in {row['model']}: {row['verdict']} (AUROC {row['test']})."
        for row in unsure
    ]
    return lines + drift(records)


def unknown_sets(gmt: Sequence[str], genes: Sequence[str]) -> list[str]:
    """Say which files of gene sets speak of other genes than the matrix."""
    lines = []
    for path in gmt:
        known = share_of_known(read_gmt(Path(path)), genes)
        if known < SMALLEST_SHARE:
            lines.append(
                f"{path}: the matrix has {percent(known, 1)} of the genes of its sets (the matrix: "
                f"{some(genes, 3)}), so that no or few sets can be found; name sets with the names "
                "of the matrix under explain.gene_sets."
            )
    return lines


def gaps(board: pd.DataFrame, blocks: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Say which samples lack a block, and what that does to the models.

    Parameters
    ----------
    board
        The models.
    blocks
        Block -> how many samples it has, ``lacking`` and ``left_out``.
    """
    lines = []
    for name, counts in blocks.items():
        if counts["lacking"]:
            lines.append(
                f"{int(counts['lacking'])} samples have no {name}: training means stand there. "
                "Losses and measures leave them out; closed forms (such as pca), codes and the "
                "embedding by genes use them, so these samples may lie together for that alone."
            )
        if counts["left_out"]:
            lines.append(
                f"{int(counts['left_out'])} samples of {name} were left out, as another block "
                "lacks them (rows: any would keep them)."
            )
    if "blocks" not in board:
        return lines
    if board["blocks"].nunique() > 1:
        lines.append("Errors and R² compare only models that see the same blocks.")
    most = board["samples"].max()
    for row in board[board["samples"] < most].to_dict("records"):
        lines.append(
            f"{experiment_name(row['model'], row['tuner'])} sees only {row['blocks']}: "
            f"{int(row['samples']):,} of {int(most):,} samples have a code, and only they count."
        )
    return lines


def search_warnings(ranking: pd.DataFrame) -> list[str]:
    """Say what a search leaves open: ties, diverged trainings, warm-ups that had not ended."""
    lines = []
    if len(ranking) > 1:
        tied = int((ranking["tied"] == "yes").sum()) - 1
        if tied > 0:
            lines.append(f"{tied} other settings cannot be told from the best.")
        if (ranking["tied"] == "not tested").all():
            lines.append(
                "each setting was trained once, so that ties with the best are not tested."
            )
    diverged = int((ranking["status"] == "diverged").sum())
    if diverged:
        lines.append(f"{diverged} settings diverged.")
    said = ranking["warnings"].astype("string")
    late = int(said.str.contains("the warm-up had not ended", na=False).sum())
    if late:
        lines.append(f"the warm-up had not ended in {late} settings.")
    stayed = int(said.str.contains("as started", na=False).sum())
    if stayed and len(ranking) > 1:
        lines.append(f"{stayed} settings are as started: no epoch is better than none.")
    return lines


def drift(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say which packages, Pythons or commits differ among the files behind the page."""
    lines = []
    for what in ("python", "git_commit"):
        values = sorted({str(record[what]) for record in records})
        if len(values) > 1:
            lines.append(f"Files behind this page differ in {what}: {', '.join(values)}.")
    for package in sorted({name for record in records for name in record["packages"]}):
        values = sorted({str(record["packages"].get(package)) for record in records})
        if len(values) > 1:
            lines.append(f"Files behind this page were made with {package} {' and '.join(values)}.")
    return lines


def chosen_pictures(pictures: Sequence[str], board: pd.DataFrame) -> list[str]:
    """Choose the embeddings by genes and by the code of the best model that was trained.

    The first model of the leaderboard that is not fitted in closed form (which has one epoch) is
    shown, else the first.
    """
    if not pictures:
        return []
    trained = board[board["epochs"] > 1]
    row = (trained if len(trained) else board).iloc[0]
    code = f"/{row['model']}/{row['tuner']}/"
    genes = [path for path in pictures if path.endswith("gene_embedding.png")]
    return genes + [path for path in pictures if code in path]


def costs(folder: Path, dataset: str) -> list[dict[str, str]]:
    """Sum Snakemake's benchmarks of a dataset by rule, the most expensive rule first."""
    rows = []
    for rule in sorted(path for path in folder.glob("*") if path.is_dir()):
        files = [rule / f"{dataset}.tsv", *(rule / dataset).rglob("*.tsv")]
        tables = [read_cost(str(path)) for path in files if path.exists()]
        if tables:
            jobs = pd.concat(tables)
            rows.append((rule.name, len(jobs), jobs["s"].sum(), jobs["max_rss"].max()))
    rows.sort(key=lambda row: -row[2])
    shown, others = rows[:RULES_SHOWN], rows[RULES_SHOWN:]
    if others:
        _, jobs, seconds, memory = zip(*others, strict=True)
        shown.append((f"{len(others)} other rules", sum(jobs), sum(seconds), max(memory)))
    if rows:
        _, jobs, seconds, memory = zip(*rows, strict=True)
        shown.append(("all", sum(jobs), sum(seconds), max(memory)))
    return [
        {"rule": name, "jobs": f"{n:,}", "time": duration(s), "memory": f"{mib / 1024:.1f} GiB"}
        for name, n, s, mib in shown
    ]


def read_cost(path: str) -> pd.DataFrame:
    """Read what a job took, as Snakemake has written it; InputError if there are no numbers."""
    table = read_table(path)
    try:
        return pd.DataFrame({name: _numbers(table[name]) for name in ("s", "max_rss")})
    except (KeyError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read ({shown(error)}), expected what a job took; delete it and run "
            "again: nothing but the table of costs depends on it"
        ) from None


def _numbers(column: pd.Series) -> pd.Series:
    """Turn a column of a benchmark into numbers; what could not be measured is written NA or -."""
    return column.replace({"NA": None, "-": None}).astype("float64")


def duration(seconds: float) -> str:
    """Write a time as seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def how_made(records: Sequence[Mapping[str, Any]]) -> str:
    """Say when, where and with which versions the last of the files was made."""
    last = max(records, key=lambda record: record["started"])
    names = ("tensorflow", "keras", "numpy", "scikit-learn", "openTSNE", "snakemake")
    versions = ", ".join(f"{name} {last['packages'].get(name)}" for name in names)
    commit = last["git_commit"] or "not under git"
    return (
        f"{last['started'][:10]}, {last['machine']}; Python {last['python']}, {versions}; "
        f"workflow commit {commit}."
    )


def citations(path: Path, modules: Iterable[str]) -> list[str]:
    """List the papers of CITATION.cff whose notes name a module of the study, and the workflow."""
    record = yaml.safe_load(path.read_text(encoding="utf-8"))
    modules = set(modules)
    lines = [f"{authors(record['authors'])}: {record['title']}."]
    for reference in record["references"]:
        named = {module for module in modules if f"module {module}" in reference.get("notes", "")}
        if named:
            place = reference.get("journal") or reference.get("conference", {}).get("name", "")
            link = f"https://doi.org/{reference['doi']}" if "doi" in reference else reference["url"]
            lines.append(
                f"{authors(reference['authors'])} ({reference['year']}): {reference['title']}. "
                f"{place}. {link}"
            )
    return lines


def authors(people: Sequence[Mapping[str, str]]) -> str:
    """Write the first author's name, with `et al.` for more than two."""
    names = [person.get("family-names") or person["name"] for person in people]
    if len(names) == 2:
        return names[0] + (" et al." if names[1].startswith("and ") else f" and {names[1]}")
    return names[0] + (" et al." if len(names) > 2 else "")
