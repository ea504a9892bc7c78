"""A key that stands twice in a config file is found, at any depth; others are let through."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tybalt.plan.config import check_config, load_schema
from tybalt.plan.config_files import check_file
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
        check_file(path)
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
        check_file(written(tmp_path, text))
    assert f"line {line}: the key {key} " in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "a: {x: 1}\nb: {x: 1}\n",  # the same key in two maps
        "a: &one {x: 1}\nb: *one\nc: {<<: *one, x: 2}\n",  # a merged map may be changed
        "1: a\n'1': b\n",  # a number and a text
        '{\n\t"a": 1,\n\t"b": 2\n}',  # JSON with tabs is no YAML
    ],
)
def test_other_files_pass(tmp_path, text):
    check_file(written(tmp_path, text))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"seed: 1\nmodels: [a, b\nexperiments: []\n", "line 3, column 12: this is no YAML"),
        (b"seed: 1\nmodels:\n\tvae: {}\n", "line 3, column 1: this is no YAML .*; indent with sp"),
        (b"seed: 1\n models: 2\n", "line 2, column 8: this is no YAML"),
        (b"seed: 1\nmodels: *vae\n", "line 2, column 9: this is no YAML .*undefined alias"),
        (b"- seed: 1\n", "line 1: found a list, expected keys with values"),
        (b"[1, 2]", "line 1: found a list, expected keys with values"),
        (b"# later\n\nseed 1\n", "line 3: found a single value, expected keys with values"),
        (b"", "line 1: found nothing, expected keys with values"),
        (b"# nothing yet\n", "line 1: found nothing, expected keys with values"),
        (b"seed: 1\nname: M\xfcller\n", "line 2: found bytes that are no text in UTF-8"),
        (b"\x1f\x8b\x08\x00 gzip", "line 1: found bytes that are no text in UTF-8"),
        (b"seed: 1\nname: a\x07b\n", r"line 2: found the character .*x07.*, which YAML"),
        (b"seed: 1\na: &a\n  b: *a\n", "line 2: what begins here contains itself, by an alias"),
        (b"a: &a [1, {b: *a}]\n", "line 1: what begins here contains itself, by an alias"),
        (b"a: " + b"[" * 5000, "its brackets are nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_named_by_file_and_line(tmp_path, content, message):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        check_file(path)
    assert str(caught.value).startswith(f"{path}") and str(caught.value).isprintable()


def test_an_alias_that_is_used_often_passes_quickly(tmp_path):
    lines = ["a0: &a0 [1, 1]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))]
    check_file(written(tmp_path, "\n".join(lines)))


def test_the_tool_says_it_of_files_that_snakemake_reads_before_the_workflow(tmp_path):
    path = written(tmp_path, "a: [1\n")
    command = [sys.executable, str(ROOT / "tools" / "check_config.py"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and f"ERROR: {path}, line 2" in done.stderr
    done = subprocess.run([*command[:2], str(ROOT / "config" / "demo.yaml")])
    assert done.returncode == 0


# Numbers and names that bounds and patterns let pass


def schema():
    return load_schema(ROOT / "workflow" / "schemas" / "config.schema.yaml")


def whole(**dataset):
    return {
        "datasets": {"mine": {"kind": "local", **dataset}},
        "models": {"pca": {"module": "pca", "fixed": {"latent_dim": 2}}},
        "experiments": [{"datasets": ["mine"], "models": ["pca"]}],
    }


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf"])
@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("datasets.mine.split.validation", {"split": {"validation": None}}),
        ("datasets.mine.minimum_overlap", {"minimum_overlap": None}),
    ],
)
def test_numbers_that_are_not_finite_are_refused_by_their_key(number, key, content):
    config = whole(**yaml.safe_load(yaml.safe_dump(content).replace("null", number)))
    with pytest.raises(InputError, match=f"{key}: found -?(nan|inf), expected a finite number"):
        check_config(config, schema())


def test_a_word_that_yaml_reads_as_something_else_wants_quotes():
    content = whole(contrasts={"x": {"covariate": "responder", "positive": [True]}})
    with pytest.raises(InputError, match=r"positive\[0\]: found True, .*write it in quotes"):
        check_config(content, schema())


def test_they_are_found_in_lists_too():
    config = whole()
    config["models"]["pca"]["space"] = {"latent_dim": [1, float("nan")]}
    with pytest.raises(InputError, match=r"models.pca.space.latent_dim\[1\]: found nan"):
        check_config(config, schema())


@pytest.mark.parametrize("vocabulary", ["datasets", "models", "tuners"])
def test_a_name_that_ends_with_a_line_break_is_refused(vocabulary):
    config = whole() | {"tuners": {"grid": {"module": "grid"}}}
    config[vocabulary] = {f"{name}\n": entry for name, entry in config[vocabulary].items()}
    with pytest.raises(InputError, match="becomes part of a path"):
        check_config(config, schema())


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ("explain", "stability_seeds"),
        ("training", "executions_per_trial"),
    ],
)
def test_counts_have_an_upper_bound(place, key):
    with pytest.raises(InputError, match=f"{place}.{key}: found 10*, expected at most 1000"):
        check_config(whole() | {place: {key: 10**9}}, schema())


def test_a_path_that_is_not_there_from_here_is_passed_over(tmp_path):
    check_file(tmp_path / "none.yaml")


def test_the_configs_of_the_repository_name_no_key_twice():
    for path in (ROOT / "config").glob("*.yaml"):
        check_file(path)


NAMES = st.text(min_size=1, max_size=4)
MAPS = st.recursive(
    st.integers() | st.booleans() | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, MAPS, max_size=4), st.sampled_from([yaml.safe_dump, json.dumps]))
def test_what_is_written_from_a_map_has_no_key_twice(tmp_path_factory, content, write):
    check_file(written(tmp_path_factory.mktemp("config"), write(content)))
