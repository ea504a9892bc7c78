"""Real cohorts of a cancer type that the model does not know, and of those that it knows."""

import importlib.util
import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REAL = os.environ.get("TYBALT_REAL_DATA")
if not REAL:
    pytest.skip("TYBALT_REAL_DATA is not set: no real data", allow_module_level=True)

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "projection.py"


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    """The rows that `benchmarks/projection.py --small --models pca` prints."""
    spec = importlib.util.spec_from_file_location("projection_benchmark", BENCHMARK)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    study = benchmark.Study(Path(REAL) / "tcga", tmp_path_factory.mktemp("real"))
    return list(study.cohorts("pca", small=True))


def test_a_cancer_type_that_the_model_does_not_know_is_far_as_a_cohort(cohorts):
    (unknown,) = [row for row in cohorts if row["known"] == "no"]
    assert unknown["n"] == 80 and unknown["cohort"] == "far"
    assert unknown["far"] > 0.5
    # What is predicted is one of the other five types, and wrong: nearly nobody gets one.
    assert unknown["label given"] < 0.1


def test_samples_of_known_types_are_not_far_neither_together_nor_by_type(cohorts):
    known = [row for row in cohorts if row["known"] == "yes"]
    assert len(known) == 7 and known[0]["n"] == 50
    for row in known:
        assert row["cohort"] == "", row
        # At most 5 % are expected; 50 such samples exceed 14 % once in a hundred cohorts.
        assert row["far"] <= (0.14 if row["n"] == 50 else 0.3), row
        assert row["label given"] > 0.8 and row["of these right"] == 1, row
