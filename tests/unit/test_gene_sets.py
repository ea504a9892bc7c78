"""GMT files: what is read, what is refused, and the file that comes with the workflow."""

from pathlib import Path

import pandas as pd
import pytest

from tybalt.plan.errors import InputError
from tybalt.plan.gene_sets import WORKFLOW, link, locate, read_gmt

SETS = {"a": ("g1", "g2", "x"), "b": ("g2", "g3"), "c": ("g3",)}
GENES = ["g0", "g1", "g2", "g3"]


def gmt(folder: Path, text: str | bytes) -> Path:
    path = folder / "sets.gmt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_sets_are_read_in_order_and_genes_count_once(tmp_path):
    text = "B\tfrom a paper\tg2\tg1\tg2\r\n\nA\t\tg3\t\t\n"
    assert read_gmt(gmt(tmp_path, text)) == {"B": ("g2", "g1"), "A": ("g3",)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A\td\tg1\nB\td\n", r"sets\.gmt, line 2: found 2 fields, expected name, description"),
        ("A d g1 g2\n", "line 1: found 1 fields"),
        ("\n\td\tg1\n", "line 2: the name of the set is empty"),
        ("A\td\tg1\t\tg2\n", "line 1: gene 2 of the set 'A' is empty"),
        ("A\td\tg1\nB\td\tg1\nA\td\tg2\n", "line 3: the set 'A' is there twice"),
        (" \n\n", "found no gene set"),
        (b"\x1f\x8b\xff", "found bytes that are no text"),
    ],
)
def test_what_is_not_gmt_is_refused_with_its_line(text, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read_gmt(gmt(tmp_path, text))


def test_quotes_and_a_byte_order_mark_are_no_part_of_names(tmp_path):
    text = '\ufeff"B"\t"d"\t"g1"\tg2\n'
    assert read_gmt(gmt(tmp_path, text)) == {"B": ("g1", "g2")}


def test_weights_behind_genes_are_no_part_of_names(tmp_path):
    text = "A\t\tTP53,1.0\tHLA-A,0.5\tB,C\n"
    assert read_gmt(gmt(tmp_path, text)) == {"A": ("TP53", "HLA-A", "B,C")}


def test_links_are_pairs_of_gene_and_set():
    assert link(SETS, GENES, 1, "f") == (["a", "b", "c"], [(1, 0), (2, 0), (2, 1), (3, 1), (3, 2)])


def test_small_sets_are_left_out_and_the_others_move_up():
    small_first = {"c": ("g3",), "a": ("g1", "g2"), "d": ("x", "y")}
    assert link(small_first, GENES, 2, "f") == (["a"], [(1, 0), (2, 0)])


@pytest.mark.parametrize(
    ("genes", "minimum", "message"),
    [
        (["ENSG1", "ENSG2"], 1, r"0 of its 4 genes \(0%\); it has no g1, g2, x, .*ENSG1, ENSG2"),
        (GENES, 3, "no set has 3 genes in the matrix .*'a', has 2"),
    ],
)
def test_sets_that_miss_the_matrix_are_refused(genes, minimum, message):
    with pytest.raises(InputError, match=f"^sets.gmt: .*{message}"):
        link(SETS, genes, minimum, "sets.gmt")


def test_a_path_is_looked_up_here_and_then_in_the_workflow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert locate("resources/gene_sets.gmt") == WORKFLOW / "resources/gene_sets.gmt"
    gmt(tmp_path, "A\td\tg1\n")
    assert locate("sets.gmt").samefile(tmp_path / "sets.gmt")
    with pytest.raises(InputError, match="gene_sets: found 'no.gmt'"):
        locate("no.gmt")


def test_the_sets_that_come_along_have_the_names_of_the_annotation():
    gene_sets = read_gmt(WORKFLOW / "resources" / "gene_sets.gmt")
    table = pd.read_csv(WORKFLOW / "resources" / "gene_statistics.tsv.gz", sep="\t")
    names = set(table["gene"].str.partition("|")[0])
    assert all(10 <= len(genes) <= 40 for genes in gene_sets.values())
    assert {gene for genes in gene_sets.values() for gene in genes} <= names
    lines = (WORKFLOW / "resources" / "gene_sets.gmt").read_text().splitlines()
    assert all(line.split("\t")[1] for line in lines), "each set names its source"
