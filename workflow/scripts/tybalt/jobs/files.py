"""Reading and writing the workflow's small files: TSV tables and JSON records."""

import gzip
import io
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tybalt.jobs.own_files import own_file
from tybalt.plan.errors import InputError


@own_file
def read_json(path: str) -> Any:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_json(record: Any, path: str) -> None:
    """Write a record as sorted, indented JSON; NaN and infinity are refused (ValueError)."""
    text = json.dumps(record, indent=1, sort_keys=True, allow_nan=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


def group_by_trial(paths: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Read the results of trainings, ``.../{round}/{trial}/{execution}.json``.

    Returns
    -------
    dict
        ``{round}/{trial}`` -> the records of its executions, in their order; rounds, trials and
        executions are numbered, and s100 comes behind s99.
    """
    records: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(paths, key=lambda path: [(len(part), part) for part in Path(path).parts]):
        records.setdefault("/".join(Path(path).parts[-3:-1]), []).append(read_json(path))
    return records


#: Columns of our tables that hold names: of samples, genes, sets, labels, entries of the config.
NAMES = frozenset(
    """
    blocks column contrast control dataset description doubts factor feature feature_a feature_b
    gene gene_set genes group hyperparameter label model model_a model_b module name nearest_label
    nearest_sample negative of organ part partner positive predicted_label reason sample
    source split stratum trial tuner tuner_a tuner_b warnings within
    """.split()  # noqa: SIM905
)


@own_file
def read_table(path: str, index: str | None = None, text: Collection[str] = NAMES) -> pd.DataFrame:
    """Read a TSV or TSV.gz table of ours.

    Names are text, whatever they look like: ``0001``, ``1E5``, ``TRUE`` and ``NA`` too. Only an
    empty cell is missing.

    Parameters
    ----------
    index
        The column that becomes the index.
    text
        The columns whose cells are text; the others are numbers, or words that no program takes
        for something else.
    """
    dtypes = dict.fromkeys(text, str)
    table = pd.read_csv(
        path, sep="\t", float_precision="round_trip", dtype=dtypes, keep_default_na=False,
        na_values=[""],
    )  # fmt: skip
    table.attrs["path"] = str(path)
    return table if index is None else table.set_index(index)


@own_file
def read_texts(path: str) -> pd.DataFrame:
    """Read a table of ours all cells of which are text; an empty one is missing."""
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, na_values=[""])


def read_by_sample(path: str, samples: pd.Index) -> pd.DataFrame:
    """Read a table by sample, in the order of the matrix; InputError where samples are missing."""
    return rows_of(read_table(path, index="sample"), samples, path)


def rows_of(table: pd.DataFrame, samples: pd.Index, path: str) -> pd.DataFrame:
    """Return the rows of samples in a table read from `path`; InputError where some are missing."""
    missing = samples.difference(table.index)
    if len(missing):
        raise InputError(
            f"{path}: {len(missing)} samples of the matrix are missing ({missing[0]}); make both "
            "from the same dataset"
        )
    return table.loc[samples]


def write_table(table: pd.DataFrame, path: str) -> None:
    """Write columns (not the index) as TSV, or TSV.gz with a fixed time stamp.

    Floats are written so that reading them reconstructs the same bits: 9 significant
    digits for float32, the shortest exact form for float64.
    """
    buffer = io.StringIO()
    float32 = [name for name in table if table[name].dtype == "float32"]
    shown = table.assign(**{name: _shortest(table[name]) for name in float32})
    shown.to_csv(buffer, sep="\t", index=False, lineterminator="\n")
    data = buffer.getvalue().encode()
    if str(path).endswith(".gz"):
        data = gzip.compress(data, compresslevel=6, mtime=0)
    Path(path).write_bytes(data)


def _shortest(column: pd.Series) -> pd.Series:
    """Write float32 by its own digits, not by those of the float64 beside it."""
    return column.map(lambda value: "" if value != value else f"{value:.9g}")
