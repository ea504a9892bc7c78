"""Roles of columns: what a config may say, what a table must have, and how the table is kept."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tybalt.data.preprocess import preprocess_expression
from tybalt.data.samples import Samples, read_samples, write_samples
from tybalt.plan.config import check_config, load_schema
from tybalt.plan.errors import InputError
from tybalt.plan.experiments import build_study
from tybalt.plan.places import HOME

SCHEMA = load_schema(HOME / "workflow" / "schemas" / "config.schema.yaml")
FORMATS = {"pancan-2016": {"tables": {"mutations": {}, "oncokb": {}}}}
TISSUES = {
    "kind": "local",
    "files": {"expression": "x.tsv", "clinical": "y.tsv"},
    "clinical": {
        "barcodes": "none",
        "columns": {"sample": "id", "tissue": "tissue", "donor": "donor", "batch": "batch"},
    },
    "roles": {"group": "donor", "label": "tissue"},
    "contrasts": {"batch": {"covariate": "batch", "positive": ["b2"], "within": "label"}},
}


def dataset_of(**changes):
    """Complete the dataset in a study with one model."""
    config = {
        "datasets": {"mine": TISSUES | changes},
        "models": {"parts": {"module": "pca"}},
        "experiments": [{"datasets": ["mine"], "models": ["parts"]}],
    }
    return build_study(check_config(config, SCHEMA), FORMATS).dataset("mine")


def test_a_role_stands_for_its_column_in_contrasts():
    dataset = dataset_of()
    assert dataset["contrasts"]["batch"]["within"] == "tissue"
    assert dataset["roles"] == {"group": "donor", "label": "tissue", "strata": []}
    assert dataset["columns"] == ["batch", "donor", "tissue"], "no patients are made up"


def test_columns_with_the_names_of_tcga_play_their_parts_unasked():
    columns = {"sample": "id", "patient": "p", "cancer_type": "t", "sample_type": "s"}
    dataset = dataset_of(clinical={"barcodes": "none", "columns": columns}, roles={}, contrasts={})
    expected = {"group": "patient", "label": "cancer_type"}
    assert dataset["roles"] == expected | {"strata": ["cancer_type", "sample_type"]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"roles": {"group": "donor", "label": "tissu"}},
            "datasets.mine.roles.label: 'tissu' is not a declared column; did you mean 'tissue'",
        ),
        (
            {"roles": {"group": "donor", "label": "donor"}},
            "datasets.mine.roles.label: found 'donor', which is also the group",
        ),
        ({"roles": {"group": "doner"}}, "datasets.mine.roles.group: 'doner' is not a declared"),
        ({"roles": {"strata": ["site"]}}, "datasets.mine.roles.strata: 'site' is not a declared"),
        ({"roles": {"lable": "tissue"}}, "datasets.mine.roles.lable: unknown key; did you mean"),
        ({"tasks": ["generate"]}, "datasets.mine.tasks[0]: found 'generate'; "),
        (
            {
                "clinical": {
                    "barcodes": "none",
                    "columns": {"sample": "i", "donor": "d", "split": "s"},
                }
            },
            "datasets.mine.clinical.columns.split: our tables have a column of this name",
        ),
        (
            {"tasks": []},
            "datasets.mine.tasks: found [], expected at least 1 of them; name one (explain), or "
            "leave the key out, which means ['explain']",
        ),
        (
            {"roles": {"label": None}, "contrasts": TISSUES["contrasts"]},
            "datasets.mine.contrasts.batch.within: no column plays the role `label`; set",
        ),
    ],
)
def test_a_role_that_cannot_be_played_is_refused_while_parsing(changes, message):
    with pytest.raises(InputError) as caught:
        dataset_of(**changes)
    assert message in str(caught.value)


GENES = {"count": 10, "rank_by": "variance", "rank_on": "train", "duplicates": "drop"}
FEATURES = {"features": {**GENES, "missing": "zero"}, "transform": "none"}
SCALING = {"method": "zero_one", "fit_on": "train"}


def read(tmp_path, clinical: pd.DataFrame, roles):
    """Preprocess a small matrix with this clinical table; return the path of the samples."""
    rng = np.random.default_rng(0)
    genes = pd.DataFrame(rng.random((12, len(clinical))), columns=clinical["id"])
    genes.index = pd.Index([f"G{i}" for i in range(12)], name="gene")
    genes.to_csv(tmp_path / "x.tsv", sep="\t")
    clinical.to_csv(tmp_path / "y.tsv", sep="\t", index=False)
    columns = {"sample": "id", **{name: name for name in clinical if name != "id"}}
    options = {
        "blocks": {"expression": {**FEATURES, "scaling": SCALING, "prefix": ""}},
        "rows": "all",
        "split": {"method": "stratified", "validation": 0.2, "test": 0.2},
        "clinical": {"columns": columns, "barcodes": "none"},
        "minimum_overlap": 0.5,
        "roles": {"label": None, "strata": [], **roles},
    }
    names = ("x.tsv", "y.tsv", "matrix.h5ad", "samples.tsv")
    preprocess_expression(*(str(tmp_path / name) for name in names), options, seed=1)
    return str(tmp_path / "samples.tsv")


def cohort(n=60):
    return pd.DataFrame(
        {
            "id": [f"s{i:02d}" for i in range(n)],
            "donor": [f"{i // 2:03d}" for i in range(n)],
            "tissue": np.where(np.arange(n) % 3 == 0, "liver", "lung"),
        }
    )


def test_groups_of_any_name_stay_together(tmp_path, caplog):
    roles = {"group": "donor", "label": "tissue", "strata": ["tissue"]}
    with caplog.at_level(logging.INFO):
        samples = read_samples(read(tmp_path, cohort(), roles), roles)
    assert samples.table.groupby("donor")["split"].nunique().eq(1).all()
    assert samples.group[0] == "000", "names are text, whatever they look like"
    assert samples.label_in_words == "tissue"
    assert "patient" not in samples.table
    assert "patient" not in caplog.text


def test_a_label_with_one_value_is_refused_before_anything_is_written(tmp_path):
    roles = {"group": "donor", "label": "tissue"}
    with pytest.raises(
        InputError, match="roles.label: tissue has only 'lung', expected at least 2"
    ):
        read(tmp_path, cohort().assign(tissue="lung"), roles)
    assert not (tmp_path / "matrix.h5ad").exists() and not (tmp_path / "samples.tsv").exists()


def test_a_group_with_missing_values_is_refused_before_anything_is_written(tmp_path):
    table = cohort()
    table.loc[[3, 4, 5], "donor"] = ""
    with pytest.raises(InputError, match=r"roles.group: 3 samples have no donor \(s03\)"):
        read(tmp_path, table, {"group": "donor"})
    assert not (tmp_path / "matrix.h5ad").exists()


text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6).map(
    str.strip
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(text, st.one_of(st.none(), st.floats(-1e6, 1e6))), min_size=2, max_size=6)
)
def test_the_table_of_samples_comes_back_as_it_was_written(tmp_path_factory, rows):
    labels = [label or None for label, _ in rows]
    table = pd.DataFrame(
        {
            "donor": [f"{i:03d}" for i in range(len(rows))],
            "tissue": pd.Series(labels, dtype=object),
            "score": pd.Series([number for _, number in rows], dtype="float64"),
            "split": "train",
        }
    ).set_axis([f"{i:04d}" for i in range(len(rows))])
    path = str(tmp_path_factory.mktemp("samples") / "samples.tsv")
    write_samples(table, path)
    roles = {"group": "donor", "label": "tissue", "strata": []}
    again = read_samples(path, roles)
    assert again.index.tolist() == table.index.tolist()
    assert again.group.tolist() == table["donor"].tolist()
    assert again.label.where(again.label.notna(), None).tolist() == labels
    np.testing.assert_array_equal(again.table["score"], table["score"])


def test_the_held_out_part_is_test_where_there_is_one():
    table = pd.DataFrame({"split": ["train", "validation", "test"], "donor": list("abc")})
    assert Samples(table, {"group": "donor"}).held_out == "test"
    assert Samples(table.iloc[:2], {"group": "donor"}).held_out == "validation"
    assert Samples(table, {"group": "donor"}).label is None
