"""Reading what was said of new samples: `projection.tsv`."""

import pandas as pd

from tybalt.data.tables.harmonise import numbers_if_all
from tybalt.jobs.files import read_table, read_texts
from tybalt.plan.projections import COLUMNS


def read_projection(path: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the table of new samples.

    Returns
    -------
    two data frames, index = sample
        The columns of `tybalt.plan.projections.COLUMNS`; and those of the samples' own clinical
        table: numbers where all known values are numbers, else text.
    """
    ours = read_table(path, index="sample")
    words = read_texts(path).set_index("sample")
    own = words.drop(columns=[name for name in COLUMNS if name in words])
    return ours[list(COLUMNS[1:])], own.apply(numbers_if_all)
