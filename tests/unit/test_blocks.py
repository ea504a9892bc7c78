"""Several blocks in one matrix: rows joined, gaps filled, scaled by block; every refusal."""

import copy
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tybalt.data.features import mean_absolute_deviation, mean_of_rows, of_measured, variance
from tybalt.data.matrix import (
    read_blocks,
    read_notes,
    read_obs,
    read_observed,
    read_values,
    read_var,
)
from tybalt.data.preprocess import preprocess_expression
from tybalt.data.scaling import gene_statistics, z_score, zero_one
from tybalt.plan.config import check_config, load_schema
from tybalt.plan.datasets import complete_dataset
from tybalt.plan.errors import InputError
from tybalt.plan.experiments import build_study
from tybalt.plan.places import Places
from tybalt.training.rows import Rows, make_inputs, observed_mean

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = load_schema(ROOT / "workflow" / "schemas" / "config.schema.yaml")
SOURCES = yaml.safe_load((ROOT / "resources" / "sources.yaml").read_text())

N = 40
SAMPLES = [f"s{i:02d}" for i in range(N)]


def table(names, samples=SAMPLES, seed=0, low=0.0):
    """Features x samples, each with a spread of its own; three decimals."""
    rng = np.random.default_rng(seed)
    spread = np.linspace(5, 1, len(names))[:, None]
    values = low + spread * rng.random((len(names), len(samples)))
    return pd.DataFrame(values.round(3), pd.Index(names, name="feature"), samples)


RNA = table([f"G{i}" for i in range(8)])
CPG = table([f"cg{i}" for i in range(6)], SAMPLES[4:] + ["x1", "x2"], 1) / 10


def block(count, missing="mean", method="zero_one", prefix="", **changes):
    features = {"count": count, "rank_by": "variance", "rank_on": "train", "duplicates": "drop"}
    own = {name: value for name, value in changes.items() if name in features}
    scaling = {"method": method, "fit_on": changes.get("fit_on", "train")}
    return {
        "features": {**features, **own, "missing": missing},
        "scaling": scaling,
        "transform": "none",
        "prefix": prefix,
    }


BLOCKS = {"rna": block(5), "methylation": block(4, method="none")}


def run(folder, tables=(RNA, CPG), blocks=BLOCKS, rows="all", name="matrix.h5ad", **changes):
    """Write raw files and read them into a matrix; return its path."""
    paths = []
    for number, values in enumerate(tables):
        paths.append(str(folder / f"block{number}.tsv"))
        values.to_csv(paths[-1], sep="\t", na_rep="NA")
    known = sorted({sample for values in tables for sample in values})
    (folder / "clinical.tsv").write_text("id\n" + "".join(f"{sample}\n" for sample in known))
    options = {
        "blocks": blocks,
        "rows": rows,
        "split": {"method": "stratified", "validation": 0.2, "test": 0.2},
        "clinical": {"columns": {"sample": "id"}, "barcodes": "none"},
        "minimum_overlap": 0.5,
        "roles": {"group": "patient", "label": None, "strata": []},
        **changes,
    }
    matrix = str(folder / name)
    preprocess_expression(
        paths, str(folder / "clinical.tsv"), matrix, str(folder / "samples.tsv"), options, seed=1
    )
    return matrix


def refused(folder, **arguments):
    with pytest.raises(InputError) as caught:
        run(folder, **arguments)
    assert not (folder / "matrix.h5ad").exists() and not (folder / "samples.tsv").exists()
    return str(caught.value)


def train_of(matrix):
    obs = read_obs(matrix)
    return list(obs.index[obs["split"] == "train"])


# ---- rows and columns --------------------------------------------------------------------------


def test_all_keeps_the_samples_that_every_block_has(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        matrix = run(tmp_path)
    assert list(read_obs(matrix).index) == SAMPLES[4:]
    assert "blocks" not in read_obs(matrix)
    assert read_observed(matrix) is None
    assert read_blocks(matrix) == {"rna": 5, "methylation": 4}
    notes = read_notes(matrix)
    assert notes["scaling"] == {"rna": "zero_one", "methylation": "none"}
    counts = notes["counts"]
    assert counts["samples"] == 36 and counts["chosen_genes"] == 9
    assert counts["rows"] == 14 and counts["missing_cells"] == 0
    assert counts["blocks"] == {
        "rna": {"samples": 40, "lacking": 0, "left_out": 4},
        "methylation": {"samples": 38, "lacking": 0, "left_out": 2},
    }
    assert "36 are kept (rows: all)" in caplog.text
    assert "rna has 40, lacks 0 of those kept; 4 are left out, as another block" in caplog.text


def test_each_block_of_all_is_what_it_is_alone(tmp_path):
    both = run(tmp_path)
    shared = [RNA[SAMPLES[4:]], CPG[SAMPLES[4:]]]
    for number, (name, settings_of) in enumerate(BLOCKS.items()):
        alone = run(tmp_path, [shared[number]], {name: settings_of}, name=f"{name}.h5ad")
        np.testing.assert_array_equal(read_values(both, [name]), read_values(alone))
        pd.testing.assert_frame_equal(
            read_var(both, [name]).drop(columns="block"), read_var(alone).drop(columns="block")
        )


def test_any_keeps_all_samples_and_says_which_block_each_has(tmp_path):
    matrix = run(tmp_path, rows="any")
    obs, observed = read_obs(matrix), read_observed(matrix)
    assert list(obs.index) == sorted({*SAMPLES, "x1", "x2"})
    assert list(obs.loc[["s00", "s10", "x1"], "blocks"]) == [
        "rna",
        "rna, methylation",
        "methylation",
    ]
    is_rna = (read_var(matrix)["block"] == "rna").to_numpy()
    np.testing.assert_array_equal(observed[:, is_rna].all(axis=1), obs.index.isin(RNA.columns))
    np.testing.assert_array_equal(observed[:, ~is_rna].any(axis=1), obs.index.isin(CPG.columns))
    assert read_notes(matrix)["counts"]["blocks"]["methylation"]["lacking"] == 4


def test_any_fits_on_the_training_samples_that_the_block_has_and_fills_with_their_mean(tmp_path):
    matrix = run(tmp_path, rows="any")
    obs, var = read_obs(matrix), read_var(matrix)
    X = pd.DataFrame(read_values(matrix), obs.index, var.index)
    train = train_of(matrix)
    for values, name in ((RNA, "rna"), (CPG, "methylation")):
        mine = var[var["block"] == name]
        fitted = values[[sample for sample in train if sample in values]]
        assert len(fitted.columns) < len(train)
        ranked = fitted.var(axis=1).sort_values(ascending=False, kind="stable")
        assert list(mine.index) == list(ranked.index[: len(mine)])
        fitted = fitted.loc[mine.index]
        np.testing.assert_allclose(mine["mean"], fitted.mean(axis=1), rtol=1e-12)
        scaled = values.loc[mine.index].sub(mine["offset"], axis=0).div(mine["scale"], axis=0)
        scaled = scaled.clip(0, 1) if name == "rna" else scaled
        np.testing.assert_allclose(X.loc[list(values), mine.index], scaled.T, atol=1e-6)
        typical = (mine["mean"] - mine["offset"]) / mine["scale"]
        lacking = X.loc[~X.index.isin(values.columns), mine.index]
        assert len(lacking) > 0
        np.testing.assert_allclose(lacking, np.tile(typical, (len(lacking), 1)), atol=1e-6)


def test_rows_that_a_block_lacks_are_filled_whatever_missing_says(tmp_path):
    """`missing: zero` is about empty cells of a file; a sample that is not in it has none."""
    blocks = {"rna": block(5, "zero"), "methylation": block(4, "zero", "none")}
    matrix = run(tmp_path, blocks=blocks, rows="any")
    np.testing.assert_array_equal(
        read_values(matrix), read_values(run(tmp_path, rows="any", name="mean.h5ad"))
    )
    np.testing.assert_array_equal(read_observed(matrix), read_observed(str(tmp_path / "mean.h5ad")))


def test_none_leaves_values_as_they_are(tmp_path):
    matrix = run(tmp_path)
    var = read_var(matrix, ["methylation"])
    assert (var["offset"] == 0).all() and (var["scale"] == 1).all()
    raw = CPG.loc[var.index, SAMPLES[4:]].T
    np.testing.assert_array_equal(read_values(matrix, ["methylation"]), raw.astype("float32"))


def test_none_clips_nothing_and_counts_nothing_as_clipped(tmp_path):
    wide = CPG * 100 - 20
    matrix = run(tmp_path, [wide], {"methylation": block(6, method="none")})
    assert read_values(matrix).min() < 0 and read_values(matrix).max() > 1
    assert read_notes(matrix)["clipped_share"] == 0


def test_a_prefix_tells_features_of_one_name_apart(tmp_path):
    copy_number = table(list(RNA.index), seed=2)
    blocks = {"rna": block(3), "cnv": block(3, prefix="cnv:")}
    var = read_var(run(tmp_path, [RNA, copy_number], blocks))
    assert set(var.index[:3]) <= set(RNA.index)
    assert all(name.startswith("cnv:G") for name in var.index[3:])
    assert var.index.is_unique


# ---- missing cells -----------------------------------------------------------------------------


def holes(values, share=0.1, seed=3):
    rng = np.random.default_rng(seed)
    return values.mask(rng.random(values.shape) < share)


def test_a_missing_cell_takes_the_training_mean_and_is_not_observed(tmp_path, caplog):
    gaps = holes(RNA)
    with caplog.at_level(logging.INFO):
        matrix = run(tmp_path, [gaps], {"rna": block(8)})
    obs, var, observed = read_obs(matrix), read_var(matrix), read_observed(matrix)
    raw = gaps.loc[var.index, obs.index].T
    np.testing.assert_array_equal(observed, raw.notna())
    fitted = raw.loc[train_of(matrix)]
    for name, expected in {
        "mean": fitted.mean(),
        "sd": fitted.std(ddof=0),
        "minimum": fitted.min(),
        "maximum": fitted.max(),
        "mean_absolute_deviation": (fitted - fitted.mean()).abs().mean(),
        "rank_statistic": fitted.var(ddof=0),
        "offset": fitted.min(),
        "scale": fitted.max() - fitted.min(),
    }.items():
        np.testing.assert_allclose(var[name], expected, rtol=1e-9, err_msg=name)
    scaled = ((raw - fitted.min()) / (fitted.max() - fitted.min())).clip(0, 1)
    typical = (fitted.mean() - fitted.min()) / (fitted.max() - fitted.min())
    np.testing.assert_allclose(read_values(matrix), scaled.fillna(typical), atol=1e-6)
    number = int(gaps.isna().to_numpy().sum())
    assert f"{number} cells are missing, {(~observed).mean():.2%} of the values" in caplog.text


def test_zero_counts_as_measured(tmp_path):
    gaps = holes(RNA)
    matrix = run(tmp_path, [gaps], {"rna": block(8, "zero")})
    filled = run(tmp_path, [gaps.fillna(0)], {"rna": block(8)}, name="filled.h5ad")
    assert read_observed(matrix) is None
    np.testing.assert_array_equal(read_values(matrix), read_values(filled))


def test_gaps_are_filled_with_the_mean_of_training_samples_also_if_all_samples_rank(tmp_path):
    everything = block(8, rank_on="all", fit_on="all", method="z_score")
    matrix = run(tmp_path, [holes(RNA)], {"rna": everything})
    raw = holes(RNA).loc[read_var(matrix).index, read_obs(matrix).index].T
    z = (raw - raw.mean()) / raw.std(ddof=0)
    typical = z.loc[train_of(matrix)].mean()
    assert np.abs(typical).max() > 0.01  # that of all samples would be 0
    np.testing.assert_allclose(read_values(matrix), z.fillna(typical), atol=1e-5)


def test_doubled_features_are_averaged_over_what_was_measured():
    found = mean_of_rows(np.array([[1, np.nan, np.nan], [3, 4, np.nan]]))
    np.testing.assert_array_equal(found, [2, 4, np.nan])


@settings(max_examples=50)
@given(st.lists(st.lists(st.none() | st.floats(-9, 9), min_size=4, max_size=4), min_size=1))
def test_a_gap_in_one_row_changes_no_other_row(rows):
    """Numbers of a row do not depend on what is read together with it."""
    values = np.array([[np.nan if x is None else x for x in row] for row in rows])
    for statistic in (of_measured(mean_absolute_deviation), of_measured(variance)):
        alone = [statistic(row[None])[0] for row in values]
        np.testing.assert_array_equal(statistic(values), alone)
        is_empty = np.isnan(values).all(axis=1)
        assert (np.isneginf(alone) == is_empty).all()
    some = values[~np.isnan(values).all(axis=1)]
    for describe in (gene_statistics, lambda v: np.array(zero_one(v)).T, lambda v: z_score(v)[1]):
        if len(some):
            whole = np.asarray(describe(some))
            np.testing.assert_array_equal(
                whole, np.concatenate([np.asarray(describe(row[None])) for row in some])
            )


# ---- what is refused when files are read -------------------------------------------------------


def test_blocks_without_a_sample_in_common_are_refused(tmp_path):
    other = CPG.set_axis([f"TCGA-{i}" for i in range(len(CPG.columns))], axis=1)
    for rows in ("all", "any"):
        message = refused(tmp_path, tables=[RNA, other], rows=rows)
        assert "rna and methylation have no sample in common" in message
        assert f"rna ({tmp_path}/block0.tsv) has 40: s00, s01, s02, ...; " in message
        assert "has 38: TCGA-0, TCGA-1, TCGA-10, ...)" in message
        assert "blocks are joined by sample id: give both files the same ids" in message


def test_ids_that_a_program_has_changed_are_explained(tmp_path):
    other = CPG.rename(columns={name: name.upper() for name in CPG.columns[:10]})
    message = refused(tmp_path, tables=[RNA, CPG.rename(columns=str.upper)])
    assert "differ only in upper and lower case" in message
    told = read_notes(run(tmp_path, (RNA, other), rows="any"))["caveats"]
    assert any("of the ids differ only in upper and lower case" in line for line in told)


def test_three_blocks_that_only_share_samples_in_pairs_are_refused(tmp_path):
    thirds = [SAMPLES[:20], SAMPLES[10:30], [*SAMPLES[25:], *SAMPLES[:5]]]
    tables = [
        table([f"{name}{i}" for i in range(4)], samples)
        for name, samples in zip("abc", thirds, strict=True)
    ]
    blocks = {name: block(2) for name in "abc"}
    message = refused(tmp_path, tables=tables, blocks=blocks)
    assert message == (
        "blocks: no sample is in every one of a, b, c, although each two of them have some in "
        "common; set rows: any, or leave a block out"
    )


def test_features_of_one_name_in_two_blocks_are_refused(tmp_path):
    message = refused(tmp_path, tables=[RNA, RNA], blocks={"rna": block(8), "cnv": block(8)})
    assert message.startswith("blocks: rna and cnv have 8 features of the same name (G")
    assert message.count("G") == 3
    assert message.endswith("set blocks.cnv.prefix, for example to 'cnv:'")


def test_fewer_features_than_asked_for_are_refused_with_the_key(tmp_path):
    blocks = {"rna": block(5), "methylation": block(9)}
    message = refused(tmp_path, blocks=blocks)
    assert message == (
        f"{tmp_path}/block1.tsv: 6 genes are left after cleaning, but "
        "blocks.methylation.features.count is 9; set blocks.methylation.features.count to at most 6"
    )
    sole = refused(tmp_path, tables=[RNA], blocks={"expression": block(9)})
    assert "but genes.count is 9" in sole


@pytest.mark.parametrize(
    ("rank_on", "advice"),
    [("train", "choose at most 6"), ("all", "set blocks.rna.features.rank_on: train")],
)
def test_features_that_no_training_sample_has_are_refused(tmp_path, rank_on, advice):
    train = train_of(run(tmp_path, [RNA], {"rna": block(8)}, name="first.h5ad"))
    (tmp_path / "samples.tsv").unlink()
    gaps = RNA.copy()
    gaps.loc[["G0", "G3"], train] = np.nan
    blocks = {"rna": block(8, rank_on=rank_on)}
    message = refused(tmp_path, tables=[gaps], blocks=blocks)
    start, names, end = message.partition("(G")[0], *message.partition("(")[2].split(")", 1)
    assert start == f"{tmp_path}/block0.tsv: 2 of the 8 features to be chosen "
    assert set(names.split(", ")) == {"G0", "G3"}
    assert end == f" have no value in any training sample; {advice}, or take them out of the file"
    # Ranked on training samples they come last, so fewer features do without them.
    fewer = {"rna": block(6, rank_on="train")}
    assert not {"G0", "G3"} & set(read_var(run(tmp_path, [gaps], fewer)).index)


def test_a_sample_with_empty_cells_alone_counts_as_one_that_the_block_lacks(tmp_path):
    empty = RNA.assign(s30=np.nan)
    matrix = run(tmp_path, tables=(empty, CPG), rows="any")
    obs = read_obs(matrix)
    assert obs["blocks"]["s30"] == "methylation" and obs["blocks"]["s31"] == "rna, methylation"
    assert not read_observed(matrix, ["rna"])[list(obs.index).index("s30")].any()


def test_samples_without_any_value_are_refused(tmp_path):
    message = refused(tmp_path, tables=(RNA.assign(s30=np.nan),), blocks={"rna": block(5)})
    assert "1 samples (s30) have no value in any chosen feature of rna; take them out" in message


def test_a_block_of_held_out_samples_alone_is_refused(tmp_path):
    obs = read_obs(run(tmp_path, [RNA], {"rna": block(8)}, name="first.h5ad"))
    (tmp_path / "samples.tsv").unlink()
    few = CPG[[s for s in CPG if s in obs.index[obs["split"] == "test"]]]
    message = refused(tmp_path, tables=[RNA, few], rows="any")
    assert f"block1.tsv: none of its {len(few.columns)} samples is a training sample" in message
    assert "nothing of the block methylation can be learned" in message


# ---- what is refused while parsing -------------------------------------------------------------

LOCAL = {
    "kind": "local",
    "files": {"clinical": "c.tsv"},
    "clinical": {"barcodes": "none", "columns": {"sample": "id"}},
    "blocks": {
        "rna": {"file": "a.tsv", "features": {"count": 100}},
        "methylation": {"file": "b.tsv", "scaling": {"method": "none"}, "prefix": "m:"},
    },
}
SIMULATED = {
    "kind": "simulated",
    "simulation": {"samples": 100, "genes": 500, "methylation": {"features": 50}},
    "blocks": {
        "rna": {"features": {"count": 200}},
        "methylation": {"features": {"count": 50}, "scaling": {"method": "none"}},
    },
}
SOLE = {
    "kind": "local",
    "files": {"expression": "x.tsv", "clinical": "c.tsv"},
    "clinical": {"barcodes": "none", "columns": {"sample": "id"}},
}


def config_of(dataset):
    return {
        "datasets": {"mine": dataset},
        "models": {"pca": {"module": "pca"}},
        "experiments": [{"datasets": ["mine"], "models": ["pca"]}],
    }


def study_of(dataset):
    return build_study(check_config(copy.deepcopy(config_of(dataset)), SCHEMA), SOURCES)


def entry_of(dataset):
    return study_of(dataset).dataset("mine")


def test_blocks_are_completed_with_their_defaults():
    blocks = entry_of(LOCAL)["blocks"]
    assert list(blocks) == ["rna", "methylation"]
    assert blocks["rna"]["features"]["count"] == 100
    assert blocks["methylation"]["features"]["count"] == 5000
    assert [each["features"]["missing"] for each in blocks.values()] == ["mean", "mean"]
    assert [each["scaling"]["method"] for each in blocks.values()] == ["zero_one", "none"]
    assert [each["prefix"] for each in blocks.values()] == ["", "m:"]
    assert entry_of(LOCAL)["rows"] == "all"


@pytest.mark.parametrize("kind", ["local", "simulated", "xena", "logic-genes"])
def test_a_dataset_without_blocks_has_one(kind):
    dataset = {
        "local": SOLE,
        "simulated": {"kind": "simulated", "simulation": {"samples": 100, "genes": 5000}},
        "xena": {"kind": "xena", "source": "pancan-2016"},
        "logic-genes": {"kind": "logic-genes", "logic": {"independent": 2}},
    }[kind]
    entry = entry_of(dataset)
    assert list(entry["blocks"]) == ["expression"]
    assert entry["blocks"]["expression"]["features"]["missing"] == "mean"
    assert entry["blocks"]["expression"]["transform"] == "none"
    assert entry["blocks"]["expression"]["scaling"] == entry["scaling"]
    assert entry["blocks"]["expression"]["prefix"] == ""


def test_the_files_of_blocks_are_read_in_their_order():
    places = Places("results", "downloads")
    files = study_of(LOCAL).raw_files_to_read("mine", places)
    assert files == {"clinical": "c.tsv", "expression": ["a.tsv", "b.tsv"]}
    files = study_of(SIMULATED).raw_files_to_read("mine", places)["expression"]
    assert files == [
        "results/mine/raw/HiSeqV2.gz",
        "results/mine/raw/HumanMethylation450.gz",
    ]
    assert study_of(SOLE).raw_files_to_read("mine", places)["expression"] == "x.tsv"
    sole = {"kind": "simulated", "simulation": {"samples": 100, "genes": 5000}}
    files = study_of(sole).raw_files_to_read("mine", places)
    assert files["expression"] == "results/mine/raw/HiSeqV2.gz"


def changed(dataset, path, value):
    dataset = copy.deepcopy(dataset)
    node = dataset
    for key in path[:-1]:
        node = node.setdefault(key, {})
    if value is None:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return dataset


MOVED = "a dataset with `blocks` says this for each of them: move it to blocks.<name>."
BAD = {
    "genes beside blocks": (LOCAL, ["genes"], {"count": 10}, f"mine.genes: {MOVED}features"),
    "scaling beside blocks": (LOCAL, ["scaling"], {}, f"mine.scaling: {MOVED}scaling"),
    "a file beside blocks": (
        LOCAL,
        ["files", "expression"],
        "x.tsv",
        "mine.files.expression: a dataset with `blocks` names a file in each of them; move it to "
        "blocks.<name>.file",
    ),
    "no file": (LOCAL, ["blocks", "rna", "file"], None, "mine.blocks.rna.file: missing; this key"),
    "no matrix at all": (
        LOCAL,
        ["blocks"],
        None,
        "mine.files.expression: missing; name the matrix",
    ),
    "no blocks": (LOCAL, ["blocks"], {}, "mine.blocks: found {}, expected at least 1"),
    "an unknown key": (
        LOCAL,
        ["blocks", "rna", "genes"],
        {},
        "mine.blocks.rna.genes: unknown key; allowed: features, file, prefix, scaling",
    ),
    "a bad name": (LOCAL, ["blocks", "r na"], {"file": "x"}, "the name 'r na' becomes part of a"),
    "a bad prefix": (
        LOCAL,
        ["blocks", "rna", "prefix"],
        "r na|",
        "mine.blocks.rna.prefix: found 'r na|'; it becomes part of names: leave out spaces and '|'",
    ),
    "a bad word for missing": (
        LOCAL,
        ["blocks", "rna", "features"],
        {"missing": "median"},
        "features.missing: found 'median'; did you mean 'mean'? allowed: mean, zero",
    ),
    "rows in vain": (
        SOLE,
        ["rows"],
        "any",
        "mine.rows: says which samples a dataset with several `blocks` keeps; this one has none",
    ),
    "a column called blocks": (
        LOCAL,
        ["clinical", "columns", "blocks"],
        "x",
        "mine.clinical.columns.blocks: our tables have a column of this name",
    ),
    "a bad word for rows": (LOCAL, ["rows"], "some", "mine.rows: found 'some'; allowed: all, any"),
    "a kind of one matrix": (
        {"kind": "xena", "source": "pancan-2016"},
        ["blocks"],
        {"rna": {}},
        "mine.blocks: a dataset of kind `xena` has one matrix; use `genes` and `scaling`, or one "
        "of the kinds local, simulated",
    ),
    "logic genes": (
        {"kind": "logic-genes", "logic": {"independent": 2}},
        ["blocks"],
        {"rna": {}},
        "mine.blocks: not for a dataset of this kind",
    ),
    "a simulated block of another name": (
        SIMULATED,
        ["blocks", "protein"],
        {},
        "mine.blocks: found 'protein'; allowed: methylation, rna",
    ),
    "a file of a simulated block": (
        SIMULATED,
        ["blocks", "rna", "file"],
        "x.tsv",
        "mine.blocks.rna.file: simulated files have names of their own",
    ),
    "a block that is not simulated": (
        SIMULATED,
        ["simulation", "methylation"],
        None,
        "mine.simulation.methylation: says how the block `methylation` is simulated; give both",
    ),
    "a simulated block that is not named": (
        SIMULATED,
        ["blocks", "methylation"],
        None,
        "mine.simulation.methylation: says how the block `methylation` is simulated; give both",
    ),
    "methylation without blocks": (
        SIMULATED,
        ["blocks"],
        None,
        "mine.blocks: missing; a cohort with simulation.methylation has the blocks `rna` and",
    ),
    "more genes than are simulated": (
        SIMULATED,
        ["blocks", "rna", "features", "count"],
        501,
        "mine.blocks.rna.features.count: found 501, but only 500 genes are simulated "
        "(datasets.mine.simulation.genes)",
    ),
    "more CpGs than are simulated": (
        SIMULATED,
        ["blocks", "methylation", "features", "count"],
        51,
        "mine.blocks.methylation.features.count: found 51, but only 50 CpGs are simulated "
        "(datasets.mine.simulation.methylation.features)",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_refused_while_parsing_with_one_message(name):
    dataset, path, value, message = BAD[name]
    with pytest.raises(InputError) as caught:
        study_of(changed(dataset, path, value))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_new_samples_of_several_blocks_need_no_other_files():
    dataset = {"kind": "local", "project_onto": "a/b/c", "blocks": {"rna": {"file": "a.tsv"}}}
    checked = check_config(config_of(dataset), SCHEMA)["datasets"]["mine"]
    entry = complete_dataset("mine", checked, SOURCES)
    assert list(entry["blocks"]) == ["rna"]
    without = {"kind": "local", "project_onto": "a/b/c", "blocks": {"rna": {}}}
    checked = check_config(config_of(without), SCHEMA)["datasets"]["mine"]
    with pytest.raises(InputError, match="datasets.mine.files: missing"):
        complete_dataset("mine", checked, SOURCES)


def test_a_column_that_no_drawn_row_has_takes_the_mean_of_its_filled_in_values():
    X = np.array([[1.0, 5.0], [3.0, 7.0]], np.float32)
    inputs = make_inputs(["a", "b"])
    observed = np.array([[True, False], [False, False]])
    rows = Rows(X, inputs, observed, weight=np.array([3.0, 1.0], np.float32))
    np.testing.assert_allclose(observed_mean(rows), [1.0, 6.0])
    np.testing.assert_allclose(observed_mean(Rows(X, inputs, weight=rows.weight)), [1.5, 5.5])
    np.testing.assert_allclose(observed_mean(Rows(X, inputs)), [2.0, 6.0])
