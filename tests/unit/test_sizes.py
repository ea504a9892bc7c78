"""Short rules, short lists of arguments, and names that stay where they belong."""

import ast
import re

import pytest

from tybalt.plan.code_hash import SCRIPTS

ROOT = SCRIPTS.parents[1]
RULES = ROOT / "workflow" / "rules"
PACKAGE = SCRIPTS / "tybalt"

#: Folders whose files may speak of TCGA's own columns.
MAY_NAME_TCGA = ("data/kinds", "data/simulation", "data/tables", "data/sources")


def functions():
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield file, node


def arguments_of(node: ast.FunctionDef) -> list[str]:
    spec = node.args
    return [argument.arg for argument in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]


def test_the_common_file_of_the_rules_is_short():
    assert len((RULES / "common.smk").read_text(encoding="utf-8").splitlines()) <= 260


@pytest.mark.parametrize("profile", ["biowulf", "slurm", "local"])
def test_profiles_are_short(profile):
    text = (ROOT / "profiles" / profile / "config.yaml").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60


def test_a_rule_of_a_figure_is_short():
    for file in RULES.glob("*.smk"):
        text = file.read_text(encoding="utf-8")
        for block in re.findall(r"^use rule \w+ as plot_\w+ with:\n(?:(?:    .*)?\n)*", text, re.M):
            lines = [line for line in block.splitlines() if line.strip()]
            assert len(lines) <= 18, block


def test_no_function_has_more_than_twelve_arguments():
    for file, node in functions():
        assert len(arguments_of(node)) <= 12, f"{file.name}: {node.name}"


def test_a_trial_is_trained_with_ten_arguments_at_most():
    (trial,) = [node for _, node in functions() if node.name == "train_trial"]
    assert len(arguments_of(trial)) <= 10


def test_general_code_names_no_column_of_tcga():
    for file in sorted(PACKAGE.rglob("*.py")):
        place = file.relative_to(PACKAGE).as_posix()
        if not place.startswith(MAY_NAME_TCGA):
            found = re.findall(r"cancer_type|patient", file.read_text(encoding="utf-8"))
            assert not found, f"{place}: {found}"
