"""The page of the best settings."""

import re

import numpy as np
import pandas as pd

from tybalt.jobs.files import write_table
from tybalt.pages.settings_list import list_settings


def page(tmp_path, n_settings, chosen):
    table = pd.DataFrame(
        {
            "rank": range(1, n_settings + 1),
            "optimizer": ["a<b", *["adam"] * (n_settings - 1)],
            "hidden_dim": [np.nan, *[300.0] * (n_settings - 1)],
            "round": "r0",
            "trial": "t",
            "mean": np.linspace(1, 2, n_settings),
            "sd": np.nan,
            "n": 1,
            "status": ["ok"] * (n_settings - 1) + ["diverged"],
            "best_epoch": 5.0,
            "parameters": 1234567,
            "tied": ["yes", "yes", *["no"] * (n_settings - 2)],
            "chosen": ["yes" if rank == chosen else "no" for rank in range(1, n_settings + 1)],
            "warnings": "",
        }
    )
    write_table(table, str(tmp_path / "trials.tsv"))
    out = tmp_path / "settings.html"
    list_settings(str(tmp_path / "trials.tsv"), ["optimizer", "hidden_dim"], "a & b", str(out))
    return out.read_text(encoding="utf-8")


def rows_of(text):
    return re.findall(r'<tr class="(\w+)">(.*?)</tr>', text)


def test_the_best_twenty_are_listed_and_the_chosen_one_whatever_its_rank(tmp_path):
    rows = rows_of(page(tmp_path, 30, chosen=25))
    ranks = [re.findall(r"<td>(.*?)</td>", row)[0] for _, row in rows]
    assert ranks == [*map(str, range(1, 21)), "25"]
    assert [kind for kind, _ in rows] == ["tied", "tied", *["plain"] * 18, "chosen"]


def test_words_are_escaped_and_missing_values_are_dashes(tmp_path):
    text = page(tmp_path, 3, chosen=1)
    first = re.findall(r"<td>(.*?)</td>", rows_of(text)[0][1])
    assert first[:4] == ["1", "a&lt;b", "–", "1"]
    assert "1,234,567" in first
    assert "<title>a &amp; b</title>" in text
    assert "3 of 3 settings (2 ok, 1 diverged)" in text
