"""Names are text: whatever they look like, they leave every table as they entered it."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tybalt.data.matrix import read_features, read_ids, read_obs, write_matrix
from tybalt.data.samples import read_samples, write_samples
from tybalt.data.tables.clinical import describe_samples
from tybalt.data.tables.copy_number import call_copy_number
from tybalt.data.tables.events import make_events, read_events, write_events
from tybalt.data.tables.mutations import tabulate_mutations
from tybalt.jobs.files import NAMES, read_table, write_table
from tybalt.plan.gene_sets import read_gmt
from tybalt.training.bundle import feature_table

LOOK_ALIKE = ["0001", "1", "1.0", "1.10", "1e5", "1E5", "inf", "-0", "+1", "0x1F", "1_000", "TRUE"]
LOOK_ALIKE += ["False", "NA", "N/A", "#N/A", "nan", "NaN", "null", "NULL", "None", "<NA>", "n/a"]
LOOK_ALIKE += [
    "2020-09-01",
    "1-Mar",
    "=1+1",
    "@x",
    "'x'",
    "<b>",
    "$x$",
    "é",
    "Σ",
    "a b",
    "%s",
    "{x}",
]

# No character that ends a cell or a line, nothing that readers take off at the ends of a name; and
# no | behind which a gene has its id.
plain = st.characters(
    blacklist_categories=("Cc", "Cs", "Cf", "Zs", "Zl", "Zp"), blacklist_characters='"|'
)
name = st.one_of(st.sampled_from(LOOK_ALIKE), st.text(plain, min_size=1, max_size=6)).filter(
    lambda text: not text.startswith("#") or text == "#N/A"
)
names = st.lists(name, min_size=3, max_size=6, unique=True)
each = settings(max_examples=40, deadline=None)


def rows(*lines):
    return "".join("\t".join(map(str, line)) + "\n" for line in lines)


@each
@given(names, st.sampled_from(sorted(NAMES - {"sample"})))
def test_of_our_own_tables(tmp_path_factory, found, column):
    path = str(tmp_path_factory.mktemp("t") / "table.tsv.gz")
    table = pd.DataFrame({"sample": found, column: found[::-1], "z1": np.arange(len(found)) / 3})
    write_table(table, path)
    pd.testing.assert_frame_equal(read_table(path), table, check_dtype=False)
    again = read_table(path, index=column)
    assert list(again.index) == found[::-1] and list(again["sample"]) == found


@each
@given(names)
def test_of_codes_samples_and_the_matrix(tmp_path_factory, found):
    folder = tmp_path_factory.mktemp("t")
    obs = pd.DataFrame({"patient": found[::-1], "split": "train"}, pd.Index(found, name="sample"))
    write_samples(obs, str(folder / "samples.tsv"))
    known = read_samples(str(folder / "samples.tsv"), {"group": "patient"})
    assert list(known.index) == found and list(known.group) == found[::-1]
    var = pd.DataFrame({"mean": 0.0}, pd.Index(found, name="gene"))
    X = np.zeros((len(found), len(found)), "float32")
    write_matrix(str(folder / "m.h5ad"), X, obs, var, {})
    assert list(read_ids(str(folder / "m.h5ad"))) == found == read_features(str(folder / "m.h5ad"))
    assert list(read_obs(str(folder / "m.h5ad"))["patient"]) == found[::-1]
    write_table(feature_table(X, "sample", obs.index), str(folder / "codes.tsv.gz"))
    assert list(read_table(str(folder / "codes.tsv.gz"), index="sample").index) == found


@each
@given(names)
def test_of_clinical_tables(tmp_path_factory, found):
    path = tmp_path_factory.mktemp("t") / "clinical.tsv"
    path.write_text(rows(["id", "n"], *([sample, i] for i, sample in enumerate(found))))
    columns = {"sample": "id", "n": "n"}
    described = describe_samples(found, str(path), columns, "none", 1.0)
    assert list(described.table.index) == found and not described.caveats
    assert list(described.table["n"]) == list(range(len(found)))


@each
@given(names)
def test_of_mutations_and_copy_number(tmp_path_factory, found):
    folder = tmp_path_factory.mktemp("t")
    table, paths = str(folder / "table.tsv"), [str(folder / f) for f in ("a.h5ad", "b.tsv")]
    hits = [[sample, gene, "x"] for sample, gene in zip(found, found[::-1], strict=True)]
    (folder / "table.tsv").write_text(rows(["sample", "gene", "effect"], *hits))
    tabulate_mutations(table, ["x"], "none", *paths)
    assert set(read_table(paths[1])["sample"]) == set(found)
    events = read_events(paths[0])
    assert set(events.samples) == set(events.genes) == set(found)
    calls = [[gene, *(2 for _ in found)] for gene in found]
    (folder / "table.tsv").write_text(rows(["gene", *found], *calls))
    call_copy_number(table, "none", paths[0], str(folder / "loss.h5ad"))
    gained = read_events(paths[0])
    assert (
        set(gained.samples) == set(gained.genes) == set(found) and gained.X.nnz == len(found) ** 2
    )


@each
@given(names)
def test_of_events_and_gene_sets(tmp_path_factory, found):
    folder = tmp_path_factory.mktemp("t")
    write_events(make_events([0, 1], [1, 0], found, found), str(folder / "e.h5ad"))
    assert set(read_events(str(folder / "e.h5ad")).samples) == set(found)
    (folder / "sets.gmt").write_text(rows(*([gene_set, "", *found] for gene_set in found)))
    sets = read_gmt(folder / "sets.gmt")
    assert list(sets) == found and all(list(genes) == found for genes in sets.values())
