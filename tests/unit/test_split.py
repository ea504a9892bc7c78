import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tybalt.data.split import split_as_published, split_by_group, split_samples
from tybalt.plan.errors import InputError

ROLES = {"group": "patient", "label": "cancer_type", "strata": ["cancer_type", "sample_type"]}


def cohort(sizes):
    """Make samples: cancer type -> (patients with a tumour only, with a tumour and a normal)."""
    rows = []
    for cancer_type, (n_single, n_paired) in sizes.items():
        for i in range(n_single + n_paired):
            patient = f"{cancer_type}-{i:04d}"
            rows.append((f"{patient}-01", patient, cancer_type, "Primary Tumor"))
            if i >= n_single:
                rows.append((f"{patient}-11", patient, cancer_type, "Solid Tissue Normal"))
    columns = ["sample", "patient", "cancer_type", "sample_type"]
    return pd.DataFrame(rows, columns=columns).set_index("sample").sort_index()


COHORT = cohort({"BRCA": (200, 40), "UVM": (80, 0), "CHOL": (27, 9), "DLBC": (4, 0)})


def test_a_patient_is_never_parted():
    parts = pd.Series(split_by_group(COHORT, 0.1, 0.2, ROLES, seed=1), index=COHORT.index)
    assert parts.groupby(COHORT["patient"]).nunique().eq(1).all()


def test_every_part_has_its_share_over_all_and_in_every_large_stratum():
    parts = split_by_group(COHORT, 0.1, 0.2, ROLES, seed=1)
    patients = COHORT.assign(part=parts).drop_duplicates("patient")
    for part, share in {"validation": 0.1, "test": 0.2}.items():
        assert abs((patients["part"] == part).sum() - share * len(patients)) <= 1
        for cancer_type, n_patients in {"BRCA": 240, "UVM": 80}.items():
            found = ((patients["part"] == part) & (patients["cancer_type"] == cancer_type)).sum()
            assert abs(found - share * n_patients) <= 2
        normals = COHORT[(parts == part) & (COHORT["sample_type"] == "Solid Tissue Normal")]
        assert abs((normals["cancer_type"] == "BRCA").sum() - share * 40) <= 1


def test_small_strata_fall_back_and_the_log_lists_them(caplog):
    with caplog.at_level(logging.INFO):
        split_by_group(COHORT, 0.1, 0.1, ROLES, seed=1)
    first, second = caplog.messages
    assert "falling back to cancer type" in first and "falling back to the pooled" in second
    for message in (first, second):
        assert "CHOL" in message and "(9)" in message and "DLBC" in message and "(4)" in message
        assert "BRCA" not in message and "UVM" not in message


def test_the_split_depends_on_seed_and_samples_alone():
    parts = pd.Series(split_by_group(COHORT, 0.1, 0.1, ROLES, seed=1), index=COHORT.index)
    shuffled = COHORT.sample(frac=1, random_state=0)
    again = pd.Series(split_by_group(shuffled, 0.1, 0.1, ROLES, seed=1), index=shuffled.index)
    pd.testing.assert_series_equal(parts, again.sort_index())
    assert (split_by_group(COHORT, 0.1, 0.1, ROLES, seed=2) != parts.to_numpy()).any()


def test_different_seeds_hold_out_every_patient_sometimes():
    held_out = sum(
        (split_by_group(COHORT, 0.2, 0.2, ROLES, seed) != "train").astype(int) for seed in range(40)
    )
    # 40 draws with probability 0.4: mean 16, sd 3.1
    assert held_out.min() > 16 - 5 * 3.1 and held_out.max() < 16 + 5 * 3.1


def test_without_labels_all_patients_are_one_stratum():
    obs = COHORT[["patient"]]
    parts = split_by_group(obs, 0.1, 0.1, {"group": "patient", "strata": []}, seed=1)
    patients = obs.assign(part=parts).drop_duplicates("patient")
    assert (patients["part"] == "test").sum() == round(0.1 * len(patients))
    missing = COHORT.assign(cancer_type=np.nan)
    assert set(split_by_group(missing, 0.1, 0.1, ROLES, seed=1)) == {"train", "validation", "test"}


def test_a_test_share_of_zero_gives_two_parts():
    assert set(split_by_group(COHORT, 0.1, 0, ROLES, seed=1)) == {"train", "validation"}


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), min_size=1, max_size=5),
    st.floats(0.05, 0.4),
    st.floats(0.05, 0.4),
    st.integers(0, 2**40),
)
def test_sizes_are_right_for_any_cohort(sizes, validation, test, seed):
    obs = cohort({f"T{i}": (single + 10, paired) for i, (single, paired) in enumerate(sizes)})
    n_patients = obs["patient"].nunique()
    if min(validation, test) * n_patients < 1.5:
        return
    patients = obs.assign(part=split_by_group(obs, validation, test, ROLES, seed))
    patients = patients.drop_duplicates("patient")["part"]
    assert abs((patients == "validation").sum() - validation * n_patients) <= 1
    assert abs((patients == "test").sum() - test * n_patients) <= 1


@pytest.mark.parametrize(("validation", "test"), [(0, 0.1), (0.5, 0.5), (0.1, -0.1), (0.9, 0.2)])
def test_impossible_shares_are_refused(validation, test):
    with pytest.raises(InputError, match="split: found validation"):
        split_by_group(COHORT, validation, test, ROLES, seed=1)


def test_an_empty_part_is_refused():
    with pytest.raises(InputError, match="6 patients are too few for a part 'validation' of 0.05"):
        split_by_group(cohort({"A": (6, 0)}), 0.05, 0.3, ROLES, seed=1)


def test_the_published_split_is_that_of_the_notebooks():
    samples = pd.Index([f"S{i:05d}" for i in range(10_459)])
    parts = split_as_published(samples)
    # as in greenelab/tybalt: np.random.seed(123); rnaseq_df.sample(frac=0.1)
    state = np.random.get_state()
    np.random.seed(123)
    held_out = pd.DataFrame({"x": 0}, index=samples).sample(frac=0.1).index
    np.random.set_state(state)
    assert set(samples[parts == "validation"]) == set(held_out)
    assert (parts == "validation").sum() == 1_046 and (parts == "train").sum() == 9_413


def test_the_method_is_checked():
    split = {"method": "stratifed", "validation": 0.1, "test": 0.1}
    with pytest.raises(InputError, match="split.method: .*did you mean 'stratified'"):
        split_samples(COHORT, split, ROLES, seed=1)
    np.testing.assert_array_equal(
        split_samples(COHORT, {"method": "tybalt"}, ROLES, seed=1), split_as_published(COHORT.index)
    )
