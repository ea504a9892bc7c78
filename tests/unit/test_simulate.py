"""The simulated cohort: its formats, its determinism, and that what is planted can be found.

Expected numbers are TCGA's own (resources/cohorts.tsv, driver_mutations.tsv), analytical values,
or chance levels of a named test.
"""

import gzip
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import polygamma

from tybalt.data.simulation import cohort as simulate
from tybalt.data.simulation import counts, genome, programmes
from tybalt.data.simulation import patients as samples
from tybalt.data.simulation import text_tables as rows
from tybalt.plan.errors import InputError

RESOURCES = Path(__file__).resolve().parents[2] / "resources"
TABLES = {
    "cohorts": str(RESOURCES / "cohorts.tsv"),
    "gene_statistics": str(RESOURCES / "gene_statistics.tsv.gz"),
    "marker_genes": str(RESOURCES / "marker_genes.tsv"),
    "driver_mutations": str(RESOURCES / "driver_mutations.tsv"),
    "copy_number_events": str(RESOURCES / "copy_number_events.tsv"),
}
FILES = {
    "expression": "HiSeqV2.gz",
    "clinical": "samples.tsv.gz",
    "mutations": "PANCAN_mutation.gz",
    "copy_number": "gistic.gz",
    "planted_factors": "planted_factors.h5ad",
}
TYPES = ["BRCA", "KIRC", "LUAD", "SKCM", "THCA", "UVM"]
SNAPTRON = 17  # columns of recount's table that the published study reads, beside rail_id


def make(folder, n_samples=240, n_genes=400, cancer_types=TYPES, seed=3, threads=2, **other):
    outputs = {name: str(folder / file) for name, file in FILES.items()}
    tables = [other.get(name, path) for name, path in TABLES.items()]
    size = {"samples": n_samples, "genes": n_genes, "cancer_types": cancer_types}
    simulate.simulate_cohort(tables, size, seed, threads, **outputs)
    return folder


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return make(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="module")
def expression(cohort):
    return pd.read_csv(cohort / FILES["expression"], sep="\t", index_col=0)


@pytest.fixture(scope="module")
def truth(cohort):
    return anndata.read_h5ad(cohort / FILES["planted_factors"])


@pytest.fixture(scope="module")
def clinical(cohort):
    return pd.read_csv(cohort / FILES["clinical"], sep="\t", dtype=str, keep_default_na=False)


def auroc(values, positive) -> float:
    positive = np.asarray(positive, dtype=bool)
    u = stats.mannwhitneyu(values[positive], values[~positive]).statistic
    return u / (positive.sum() * (~positive).sum())


# --- determinism -------------------------------------------------------------------------------


def test_same_seed_same_bytes_whatever_the_threads(cohort, tmp_path):
    again = make(tmp_path, threads=1)
    for name, file in FILES.items():
        if name != "planted_factors":
            assert (again / file).read_bytes() == (cohort / file).read_bytes(), file
    one, two = (anndata.read_h5ad(folder / FILES["planted_factors"]) for folder in (cohort, again))
    pd.testing.assert_frame_equal(one.obs, two.obs)
    pd.testing.assert_frame_equal(one.var, two.var)
    np.testing.assert_array_equal(one.obsm["factors"], two.obsm["factors"])
    np.testing.assert_array_equal(one.varm["loadings"], two.varm["loadings"])


def test_gzip_headers_hold_no_time_and_no_name(cohort):
    for name, file in FILES.items():
        if name != "planted_factors":
            header = (cohort / file).read_bytes()[:10]  # RFC 1952: ID1 ID2 CM FLG MTIME(4) XFL OS
            assert header[:4] == b"\x1f\x8b\x08\x00"
            assert header[4:8] == bytes(4)


def test_another_seed_changes_every_file(cohort, tmp_path):
    other = make(tmp_path, seed=4)
    for file in FILES.values():
        assert (other / file).read_bytes() != (cohort / file).read_bytes(), file


# --- formats -----------------------------------------------------------------------------------


def test_expression_has_xenas_form(cohort):
    with gzip.open(cohort / FILES["expression"], "rt") as file:
        corner, *barcodes = file.readline().rstrip("\n").split("\t")
        lines = [line.rstrip("\n").split("\t") for line in file]
    assert corner == "sample"
    assert len(barcodes) == len(set(barcodes)) == 240
    assert all(len(barcode) == 15 and barcode.startswith("TCGA-") for barcode in barcodes)
    assert len(lines) == 400
    assert {len(line) for line in lines} == {241}
    names = [line[0] for line in lines]
    assert names.count("SLC35E2") == 2
    assert sum(name.startswith("?|") for name in names) >= 3
    cells = [cell for line in lines for cell in line[1:]]
    assert "" in cells
    filled = [cell for cell in cells if cell]
    assert all(len(cell.partition(".")[2]) <= 4 for cell in filled)
    assert min(map(float, filled)) == 0
    assert max(map(float, filled)) < 25


def test_clinical_has_snaptrons_columns_and_twenty_more(clinical, truth):
    null = [name for name in clinical if name.startswith("null_")]
    assert len(null) == 20
    assert len(clinical.columns) == 1 + SNAPTRON + 20
    assert set(clinical["cgc_portion_id"].str[:15]) == set(truth.obs_names)
    assert (clinical["cgc_portion_id"].str[:12] == clinical["gdc_cases.submitter_id"]).all()
    of_type = clinical["gdc_cases.project.project_id"].str[5:]
    assert set(of_type) == set(TYPES)


def test_sample_types_follow_the_barcode(truth, clinical):
    names = dict(samples.SAMPLE_TYPES.values())
    by_barcode = clinical["cgc_portion_id"].str[13:15].map(names)
    assert (by_barcode == clinical["gdc_cases.samples.sample_type"]).all()
    assert (truth.obs_names.str[13:15] == truth.obs["code"]).all()


def test_normals_share_a_patient_with_a_tumour(truth):
    # BRCA, KIRC, LUAD and THCA: 304 normals in TCGA, all but one of them matched.
    obs = truth.obs
    normal = obs[obs["code"] == "11"]
    assert len(normal) >= 8
    tumours = obs[obs["code"] != "11"].drop_duplicates("patient").set_index("patient")
    matched = normal[normal["patient"].isin(tumours.index)]
    assert len(matched) >= 0.9 * len(normal)
    partner = tumours.loc[matched["patient"]]
    for column in ("sex", "cancer_type"):
        assert (matched[column].to_numpy() == partner[column].to_numpy()).all()


def test_most_skcm_are_metastases(truth):
    # 369 of 474 in TCGA.
    codes = truth.obs.loc[truth.obs["cancer_type"] == "SKCM", "code"]
    assert (codes == "06").mean() == pytest.approx(369 / 474, abs=0.05)


def test_cancer_types_keep_their_proportions():
    cohorts = pd.read_csv(TABLES["cohorts"], sep="\t", index_col="acronym")
    full = samples.sizes_of_types(cohorts, int(cohorts["n_samples"].sum()))
    assert cohorts["n_samples"].sum() == 10459  # the published matrix
    assert (full == cohorts["n_samples"]).all()
    small = samples.sizes_of_types(cohorts, 300)
    assert small.sum() == 300
    assert small.min() >= 4
    assert small.argmax() == list(cohorts.index).index("BRCA")


def test_genes_of_a_small_cohort_hold_all_planted_ones(expression):
    markers = pd.read_csv(TABLES["marker_genes"], sep="\t")
    assert set(markers["gene"]) <= set(expression.index)


def test_mutations_have_xenas_form(cohort, truth):
    table = pd.read_csv(cohort / FILES["mutations"], sep="\t", keep_default_na=False)
    assert tuple(table.columns) == genome.MUTATION_COLUMNS
    tumours = truth.obs_names[truth.obs["code"] != "11"]
    assert set(table["#sample"]) <= set(tumours)
    assert {"Silent", "Missense_Mutation", "Nonsense_Mutation", "Splice_Site"} <= set(
        table["effect"]
    )
    silent = (table["effect"] == "Silent").sum() / (table["effect"] == "Missense_Mutation").sum()
    assert 0.25 < silent < 0.6  # PANCAN: about 0.4


def test_copy_number_has_gistics_form(cohort, truth):
    table = pd.read_csv(cohort / FILES["copy_number"], sep="\t", index_col=0)
    assert table.index.name == "Sample"
    assert table.index.is_unique
    assert set(np.unique(table)) == {-2, -1, 0, 1, 2}
    tumours = truth.obs_names[truth.obs["code"] != "11"]
    assert set(table.columns) <= set(tumours)
    assert table.shape[1] >= 0.9 * len(tumours)


# --- what is planted can be found ---------------------------------------------------------------


def test_sex_genes_tell_the_sex(expression, truth):
    values = expression.fillna(0)[truth.obs_names]
    kept = ((truth.obs["y_lost"] == 0) & (truth.obs["x_lost"] == 0)).to_numpy()
    male = (truth.obs["sex"] == "male").to_numpy()
    for gene in ("RPS4Y1", "DDX3Y", "KDM5D"):  # AUROC 1.000 in 350 TCGA samples
        assert auroc(values.loc[gene].to_numpy()[kept], male[kept]) > 0.98, gene
    assert auroc(values.loc["XIST"].to_numpy()[kept], ~male[kept]) > 0.97  # 0.991 in TCGA


def test_males_can_lose_the_y_chromosome(expression, truth):
    values = expression.fillna(0).loc["RPS4Y1", truth.obs_names].to_numpy()
    male = (truth.obs["sex"] == "male").to_numpy()
    lost = (truth.obs["y_lost"] == 1).to_numpy()
    assert lost.sum() >= 3
    assert not (lost & ~male).any()
    assert np.median(values[lost]) < np.quantile(values[male & ~lost], 0.1)


def test_melanocyte_genes_mark_skcm_and_uvm(expression, truth):
    values = expression.fillna(0)[truth.obs_names]
    melanoma = truth.obs["cancer_type"].isin(["SKCM", "UVM"]) & (truth.obs["code"] != "11")
    for gene in ("TYR", "MLANA", "SILV", "SOX10"):  # no other of 350 TCGA samples reaches UVM's
        assert auroc(values.loc[gene].to_numpy(), melanoma) > 0.95, gene


@pytest.mark.parametrize("name", ["proliferation", "immune", "stroma"])
def test_continuous_factors_show_in_their_genes(name, expression, truth):
    genes = truth.var.loc[truth.var["programme"] == name, "row_name"]
    mean = expression.fillna(0).loc[genes, truth.obs_names].mean()
    # Half the variance of each gene is the factor's: their mean follows it closely.
    assert stats.spearmanr(mean, truth.obs[name]).statistic > 0.8


def test_normals_differ_from_tumours_in_published_genes(expression, truth):
    table = simulate._read_genes(TABLES["gene_statistics"]).set_index("gene")
    difference = table.loc[truth.var_names, "tumor_normal"]
    normal = (truth.obs["code"] == "11").to_numpy()
    kidney = (truth.obs["cancer_type"] == "KIRC").to_numpy()
    values = expression.fillna(0)[truth.obs_names].to_numpy()
    seen = values[:, kidney & ~normal].mean(axis=1) - values[:, kidney & normal].mean(axis=1)
    assert stats.spearmanr(seen, difference).statistic > 0.25


def test_phase_is_one_dimension_that_needs_many_linear_ones(truth):
    loadings = np.asarray(truth.varm["loadings"])
    names = list(truth.uns["factors"])
    waves = [i for i, name in enumerate(names) if name.startswith("phase_")]
    genes = (truth.var["programme"] == "phase").to_numpy()
    assert genes.sum() == programmes.N_PHASE_GENES
    clean = np.asarray(truth.obsm["factors"])[:, waves] @ loadings[genes][:, waves].T
    clean = (clean - clean.mean(axis=0)) / clean.std(axis=0)
    variance = np.linalg.svd(clean, compute_uv=False) ** 2
    # One variable (two coordinates on a circle), yet two components hold little of it.
    assert variance[:2].sum() / variance.sum() < 0.6
    assert variance[:8].sum() / variance.sum() > 0.95
    # Nor does any gene or component order the samples by phase.
    order = stats.spearmanr(clean, truth.obs["phase"]).statistic[-1, :-1]
    assert np.abs(order).max() < 0.9


def test_bump_is_the_von_mises_series():
    phase = np.linspace(0, 2 * np.pi, 50)
    k = np.arange(1, programmes.N_HARMONICS + 1)
    waves = np.column_stack([np.cos(np.outer(phase, k)), np.sin(np.outer(phase, k))])
    bump = programmes._bump(1.0).reshape(-1, 2)
    series = waves @ np.concatenate([bump[:, 0], bump[:, 1]])
    exact = np.exp(programmes.PHASE_CONCENTRATION * (np.cos(phase - 1.0) - 1))
    assert np.corrcoef(series, exact)[0, 1] > 0.999


def test_drivers_have_their_frequencies(tmp_path):
    folder = make(tmp_path, n_samples=600, n_genes=300, cancer_types=["THCA", "UVM"], seed=1)
    table = pd.read_csv(folder / FILES["mutations"], sep="\t", keep_default_na=False)
    obs = anndata.read_h5ad(folder / FILES["planted_factors"]).obs
    carriers = table["#sample"].drop_duplicates()
    uvm = carriers[obs.loc[carriers, "cancer_type"].to_numpy() == "UVM"]
    listed = pd.read_csv(TABLES["driver_mutations"], sep="\t")
    listed = listed[listed["cancer_type"] == "UVM"]
    assert {"GNAQ", "GNA11"} <= set(listed["gene"])
    for driver in listed.itertuples():
        hit = table.loc[table["gene"] == driver.gene, "#sample"].isin(uvm)
        share = table.loc[hit[hit].index, "#sample"].nunique() / len(uvm)
        error = 4 * np.sqrt(driver.fraction * (1 - driver.fraction) / len(uvm))
        assert share == pytest.approx(driver.fraction, abs=error + 0.03), driver.gene


# --- what has no effect -------------------------------------------------------------------------


def test_null_columns_have_no_effect_given_the_cancer_type(truth, clinical):
    """Within cancer types no null column goes with any factor more often than chance allows."""
    table = clinical.assign(sample=clinical["cgc_portion_id"].str[:15])
    table = table.drop_duplicates("sample").set_index("sample").loc[truth.obs_names]
    factor_names = list(truth.uns["factors"])
    wanted = ["y_chromosome", "proliferation", "immune", "stroma", "state:1", "state:2", "batch:1"]
    factors = np.asarray(truth.obsm["factors"])[:, [factor_names.index(n) for n in wanted]]
    types = truth.obs["cancer_type"].to_numpy()
    p_values = []
    for name in [column for column in table if column.startswith("null_")]:
        raw = (
            table[name].map({"yes": 1, "no": 0}) if table[name].isin(["yes", "no"]).all() else None
        )
        values = (table[name].astype(float) if raw is None else raw).to_numpy(dtype=float)
        residual = values - pd.Series(values).groupby(types).transform("mean").to_numpy()
        for factor in factors.T:
            rest = factor - pd.Series(factor).groupby(types).transform("mean").to_numpy()
            p_values.append(stats.pearsonr(residual, rest).pvalue)
    p_values = np.array(p_values)
    assert len(p_values) == 140
    # 140 tests of nothing: about 7 below 0.05 (binomial: 15 or more in 0.4 % of the cases).
    assert (p_values < 0.05).sum() < 15
    assert p_values.min() > 0.05 / 140 / 10


def test_null_type_columns_do_depend_on_the_cancer_type(truth, clinical):
    groups = clinical.groupby("gdc_cases.project.project_id")
    by_type = [group["null_type_1"].astype(float) for _, group in groups]
    free = [group["null_free_1"].astype(float) for _, group in groups]
    assert stats.f_oneway(*by_type).pvalue < 1e-6
    assert stats.f_oneway(*free).pvalue > 1e-3


# --- the parts ----------------------------------------------------------------------------------


def test_calibration_meets_mean_and_deviation():
    """Drawn anew, genes have the mean and deviation they were calibrated to."""
    rng = np.random.default_rng(0)
    mean = np.array([0.0, 1.0, 3.0, 6.0, 10.0, 14.0])
    sd = np.array([0.0, 1.2, 2.0, 2.5, 1.0, 0.7])
    dispersion = np.full(6, 0.1)
    calibration = counts.calibrate(
        rng.standard_normal((6, 4000)), dispersion, np.full(4000, 1 / 4000), mean, sd, rng
    )
    values = counts.draw_expression(
        rng.standard_normal((6, 4000)).astype(np.float32),
        calibration,
        dispersion,
        counts.UNITS_PER_READ * np.exp(counts.UNITS_SPREAD * rng.standard_normal(4000)),
        rng,
    )
    np.testing.assert_allclose(values.mean(axis=1), mean, atol=0.15)
    np.testing.assert_allclose(values.std(axis=1), sd, atol=0.15)


def test_dispersion_inverts_the_trigamma_function():
    dispersion = np.array([0.02, 0.2, 1.0, 3.0])
    variance = polygamma(1, 1 / dispersion) / np.log(2) ** 2
    np.testing.assert_allclose(programmes.dispersion_for(variance), dispersion, rtol=0.01)


def test_shares_follow_largest_remainders():
    # Hamilton's method by hand: 10 x (.5, .3, .2) = 5, 3, 2; 7 x ... = 3.5, 2.1, 1.4 -> 4, 2, 1.
    weights = np.array([5, 3, 2])
    assert samples.share_out(weights, 10).tolist() == [5, 3, 2]
    assert samples.share_out(weights, 7).tolist() == [4, 2, 1]


def test_rows_are_written_as_text():
    table = rows.cell_table(["0", "12.3456", ""])
    text = rows.encode_rows(["A", "B"], np.array([[0, 1], [2, 0]]), table)
    assert text == b"A\t0\t12.3456\nB\t\t0\n"


def test_cells_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="at most 7 fit"):
        rows.cell_table(["12345678"])


def test_decimals_are_as_short_as_they_can_be():
    codes = (0, 5, 95_000, 123_456, 200_000)
    assert [simulate._decimal(code) for code in codes] == ["0", "0.0005", "9.5", "12.3456", "20"]


# --- bad arguments ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_samples": 10}, "n_samples: found 10"),
        ({"n_genes": 50}, "n_genes: found 50"),
        ({"n_genes": 30_000}, "to 20531"),
        ({"cancer_types": ["BRCA", "SKMC"]}, "did you mean 'SKCM'"),
        ({"cancer_types": ["BRCA", "BRCA"]}, "twice"),
        ({"cancer_types": "BRCA"}, "expected `all` or a list"),
        ({"seed": -1}, "seed: found -1"),
        ({"cohorts": TABLES["marker_genes"]}, "expected also n_samples"),
    ],
)
def test_bad_arguments_are_explained(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        make(tmp_path, **change)
