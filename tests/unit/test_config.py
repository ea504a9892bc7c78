"""A key that stands twice in a config file is found, at any depth; others are let through."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tybalt.plan.config import check_keys
from tybalt.plan.errors import InputError

ROOT = Path(__file__).resolve().parents[2]

BLOCKS = """\
datasets:
  mine:
    kind: local
    blocks:
      rna: {file: a.tsv}
      methylation: {file: b.tsv}
      rna: {file: c.tsv}
"""


def written(folder, text):
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_block_that_is_named_twice_is_refused_with_file_lines_and_key(tmp_path):
    path = written(tmp_path, BLOCKS)
    assert yaml.safe_load(BLOCKS)["datasets"]["mine"]["blocks"]["rna"] == {"file": "c.tsv"}
    with pytest.raises(InputError) as caught:
        check_keys(path)
    assert str(caught.value) == (
        f"{path}, line 7: the key datasets.mine.blocks.rna stands here again (first in line 5), "
        "and only the last would count; take one out, or give it another name"
    )


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("seed: 1\nmodels: {}\nseed: 2\n", 3, "seed"),
        ("experiments:\n- {datasets: [a], datasets: [b]}\n", 2, "experiments[0].datasets"),
        ("a: {b: 1, 'b': 2}\n", 1, "a.b"),
        ('{"a": [\n[{"x": 1,\n"x": 1}]]}', 3, "a[0][0].x"),
    ],
)
def test_the_line_and_the_whole_key_are_named(tmp_path, text, line, key):
    with pytest.raises(InputError, match="stands here again") as caught:
        check_keys(written(tmp_path, text))
    assert f"line {line}: the key {key} " in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: {x: 1}\nb: {x: 1}\n",  # the same key in two maps
        "a: &one {x: 1}\nb: *one\nc: {<<: *one, x: 2}\n",  # a merged map may be changed
        "a: &a {b: *a}\n",  # an alias of the map that it stands in
        "1: a\n'1': b\n",  # a number and a text
        '{\n\t"a": 1,\n\t"b": 2\n}',  # JSON with tabs is no YAML
    ],
)
def test_other_files_pass(tmp_path, text):
    check_keys(written(tmp_path, text))


def test_a_path_that_is_not_there_from_here_is_passed_over(tmp_path):
    check_keys(tmp_path / "none.yaml")


def test_the_configs_of_the_repository_name_no_key_twice():
    for path in (ROOT / "config").glob("*.yaml"):
        check_keys(path)


NAMES = st.text(min_size=1, max_size=4)
MAPS = st.recursive(
    st.integers() | st.booleans() | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, MAPS, max_size=4), st.sampled_from([yaml.safe_dump, json.dumps]))
def test_what_is_written_from_a_map_has_no_key_twice(tmp_path_factory, content, write):
    check_keys(written(tmp_path_factory.mktemp("config"), write(content)))
