"""The best settings of a search as a page that opens in any browser and in the report."""

import html
import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tybalt.jobs.files import read_table

#: Settings that are listed.
LISTED = 20

#: Columns beside the hyperparameters, and their headings.
_MEASURES = {
    "mean": "mean score",
    "sd": "sd over runs",
    "n": "runs",
    "status": "status",
    "best_epoch": "best epoch",
    "parameters": "parameters",
    "tied": "tied with best",
    "chosen": "chosen",
    "warnings": "warnings",
}

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 15px/1.4 "DejaVu Sans", Verdana, sans-serif; margin: 1.5em; color: #222222; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th {{ text-align: right; padding: 0.3em 0.9em; border-bottom: 2px solid #222222; }}
td {{ text-align: right; padding: 0.3em 0.9em; border-bottom: 1px solid #e4e4e4; }}
tr.tied {{ background: #fdf0e7; }}
tr.chosen {{ background: #f8d9c4; font-weight: bold; }}
p {{ color: #555555; }}
</style>
</head>
<body>
<h1>{title}</h1>
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
<p>{note}</p>
</body>
</html>
"""


def list_settings(trials: str, searched: Sequence[str], title: str, page: str) -> None:
    """List the 20 best settings of a search, and in any case the chosen one.

    Parameters
    ----------
    trials
        Table of the search, best first; see `tybalt.tuning.ranking.rank_trials`.
    searched
        Hyperparameters of the space: the first columns.
    title
        Whose search it is.
    page
        Output HTML file, complete in itself.
    """
    table = read_table(trials)
    shown = table[(table["rank"] <= LISTED) | (table["chosen"] == "yes")]
    columns = ["rank", *searched, *_MEASURES]
    heads = [_MEASURES.get(name, name.replace("_", " ")) for name in columns]
    rows = [
        f'<tr class="{_kind(row)}">'
        + "".join(f"<td>{_experiment(row[name])}</td>" for name in columns)
        + "</tr>"
        for _, row in shown.astype(object).iterrows()
    ]
    text = _PAGE.format(
        title=html.escape(title),
        head="".join(f"<th>{html.escape(head)}</th>" for head in heads),
        rows="\n".join(rows),
        note=html.escape(_describe(table, len(shown))),
    )
    Path(page).write_text(text, encoding="utf-8")


def _kind(row: pd.Series) -> str:
    """Name the look of a row."""
    if row["chosen"] == "yes":
        return "chosen"
    return "tied" if row["tied"] == "yes" else "plain"


def _experiment(value: object) -> str:
    """Write a value; a dash where there is none, numbers to five digits."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        return f"{int(value):,}" if value.is_integer() and abs(value) < 1e12 else f"{value:.5g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return html.escape(str(value))


def _describe(table: pd.DataFrame, shown: int) -> str:
    """Say what is listed of how many settings, and what the words mean."""
    statuses = ", ".join(f"{n:,} {word}" for word, n in table["status"].value_counts().items())
    return (
        f"{shown:,} of {len(table):,} settings ({statuses}), best first; a lower score is better. "
        "Tied: the mean lies within one standard error of the best. Chosen: the cheapest "
        "(parameters x epochs) of the tied, or the best where ties were not tested. "
        "–: no value, or a hyperparameter without effect in that setting. All: trials.tsv."
    )
