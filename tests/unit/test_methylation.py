"""The simulated second block: its form, and that CpGs follow their genes within cancer types."""

import gzip

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from test_simulate import make

from tybalt.data.simulation.methylation import simulate_methylation
from tybalt.plan.errors import InputError

CPGS = 60


def simulate(cohort, folder, features=CPGS, measured=1.0, seed=3):
    """Write the block of a cohort; return its two files."""
    folder.mkdir(exist_ok=True)
    outputs = folder / "HumanMethylation450.gz", folder / "planted_methylation.tsv"
    simulate_methylation(
        str(cohort / "HiSeqV2.gz"),
        str(cohort / "samples.tsv.gz"),
        {"methylation": {"features": features, "measured": measured}},
        seed,
        *map(str, outputs),
    )
    return outputs


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return make(tmp_path_factory.mktemp("cohort"), n_samples=300, cancer_types=["BRCA", "KIRC"])


@pytest.fixture(scope="module")
def files(cohort, tmp_path_factory):
    return simulate(cohort, tmp_path_factory.mktemp("methylation"))


@pytest.fixture(scope="module")
def planted(files):
    return pd.read_csv(files[1], sep="\t", index_col="cpg")


@pytest.fixture(scope="module")
def beta(files):
    return pd.read_csv(files[0], sep="\t", index_col=0)


@pytest.fixture(scope="module")
def genes(cohort):
    return pd.read_csv(cohort / "HiSeqV2.gz", sep="\t", index_col=0)


def test_the_file_has_xenas_form(files, genes):
    with gzip.open(files[0], "rt") as file:
        lines = [line.rstrip("\n").split("\t") for line in file]
    assert lines[0] == ["sample", *genes.columns]
    assert [line[0] for line in lines[1:]] == [f"cg{i:08d}" for i in range(1, CPGS + 1)]
    assert {len(line) for line in lines} == {301}
    cells = [cell for line in lines[1:] for cell in line[1:]]
    assert all(len(cell) == 6 and 0 <= float(cell) <= 1 for cell in cells)


def test_every_cpg_follows_one_named_gene(planted, genes):
    assert planted["gene"].is_unique and planted["gene"].isin(genes.index).all()
    assert not planted["gene"].str.contains("?", regex=False).any()
    assert (planted["slope"] > 0).all()


def test_slopes_come_back_from_the_files_also_within_a_cancer_type(planted, genes, beta):
    """The regression of logit(beta) on the standardised gene has the planted slope.

    Noise of 0.5 logits and some 150 samples of each type: an error of about 0.05 for a gene whose
    variation is half within types.
    """
    z = genes.loc[planted["gene"]]
    z = z.sub(z.mean(axis=1), axis=0).div(z.std(axis=1, ddof=0), axis=0).to_numpy()
    logits = logit(beta.clip(0.0001, 0.9999)).to_numpy()
    types = beta.columns.map(cancer_types(beta.columns, logits))
    found, sure = [], []
    for x, y in zip(z, logits, strict=True):
        centred = [(x[types == t] - x[types == t].mean(), y[types == t]) for t in set(types)]
        spread = sum((x @ x) for x, _ in centred)
        found.append(-sum(x @ (y - y.mean()) for x, y in centred) / spread)
        sure.append(spread > 60)
    error = np.abs(np.array(found) - planted["slope"])[sure]
    assert len(error) > CPGS / 2
    assert np.median(error) < 0.1 and (error < 0.35).all()


def cancer_types(samples, logits):
    """Tell the two types apart by their shifts alone: the sign of the first component."""
    centred = logits - logits.mean(axis=1, keepdims=True)
    first = np.linalg.svd(centred, full_matrices=False)[2][0]
    return dict(zip(samples, first > 0, strict=True))


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(cohort, files, tmp_path):
    for seed, same in ((3, True), (4, False)):
        again = simulate(cohort, tmp_path / str(seed), seed=seed)
        for one, other in zip(files, again, strict=True):
            assert (one.read_bytes() == other.read_bytes()) == same


def test_a_share_of_the_samples_is_measured_with_the_values_that_all_have(
    cohort, beta, genes, tmp_path
):
    some = pd.read_csv(simulate(cohort, tmp_path, measured=0.8)[0], sep="\t", index_col=0)
    assert len(some.columns) == 240
    assert list(some.columns) == [name for name in genes.columns if name in some.columns]
    pd.testing.assert_frame_equal(some, beta[some.columns])


def test_more_cpgs_than_genes_are_refused(cohort, tmp_path):
    with pytest.raises(InputError, match="methylation.features: found 500, but only"):
        simulate(cohort, tmp_path, features=500)
