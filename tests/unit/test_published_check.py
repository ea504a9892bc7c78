"""Golden checks on a stand-in: a small matrix whose facts are computed by hand."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from tybalt.data.matrix import write_matrix
from tybalt.data.sources.published_check import PUBLISHED, check_published
from tybalt.jobs.files import read_json, write_json

NAMES = ["RPS4Y1", "XIST", "KRT5"]
EXPECTED = {
    "samples": 4,
    "normals": 1,
    "cancer_types": 2,
    "gene_order_sha256": hashlib.sha256(b"RPS4Y1\nXIST\nKRT5\n").hexdigest(),
    "cells": {"TCGA-02-0047-01": [0.678296, 0.28991]},
}


@pytest.fixture
def files(tmp_path):
    X = np.array([[0.6782961, 0.2899102, 0.0]] + [[0.1, 0.2, 0.3]] * 3, dtype=np.float32)
    samples = ["TCGA-02-0047-01", "TCGA-02-0055-01", "TCGA-02-2483-01", "TCGA-02-2483-11"]
    obs = pd.DataFrame(
        {
            "patient": [name[:12] for name in samples],
            "sample_type": ["Primary Tumor"] * 3 + ["Solid Tissue Normal"],
            "cancer_type": ["GBM", "GBM", "LGG", "LGG"],
            "split": ["train", "train", "validation", "validation"],
        },
        index=pd.Index(samples, name="sample"),
    )
    var = pd.DataFrame({"offset": 0.0, "scale": 1.0}, index=pd.Index(NAMES, name="gene"))
    write_matrix(str(tmp_path / "m.h5ad"), X, obs, var, {})
    write_json({"published": True, "freeze": "xena-2016"}, tmp_path / "record.json")
    return tmp_path


def check(files, expected=EXPECTED, **settings):
    settings = PUBLISHED | settings
    out = files / "published_check.json"
    check_published(
        str(files / "m.h5ad"), str(files / "record.json"), expected, **settings, published_check=out
    )
    return read_json(out)


def test_the_published_matrix_passes(files):
    result = check(files)
    assert result["published"] == "passed"
    assert "gene_order_sha256" in result["checked"]
    assert "cells of TCGA-02-0047-01" in result["checked"]


def test_another_freeze_is_not_judged(files):
    write_json({"published": False, "freeze": "xena-hub-later"}, files / "record.json")
    result = check(files)
    assert (result["published"], result["checked"]) == ("not applicable", [])
    assert "xena-hub-later" in result["reason"]


def test_a_variant_of_our_own_is_judged_by_its_samples_alone(files):
    result = check(files, genes={**PUBLISHED["genes"], "rank_on": "train"})
    assert result["checked"] == ["cancer_types", "normals", "samples"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": 5}, "samples: found 4, expected 5"),
        ({"normals": 2}, "normals: found 1, expected 2"),
        ({"gene_order_sha256": "00"}, "gene_order_sha256"),
        ({"cells": {"TCGA-02-0047-01": [0.678299]}}, "cells of TCGA-02-0047-01"),
        ({"cells": {"TCGA-99-9999-01": [0.5]}}, "cells of TCGA-99-9999-01"),
    ],
)
def test_every_wrong_fact_fails_loudly(files, change, message):
    with pytest.raises(RuntimeError, match=message):
        check(files, {**EXPECTED, **change})
