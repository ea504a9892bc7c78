"""Gene sets: reading GMT files and linking their genes to a matrix (PURE: standard library only).

GMT is the format of the Broad Institute's MSigDB and of Enrichr: one set a line, separated by
tabs: name, description (may be empty), genes.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tybalt.plan.errors import InputError, shown, some
from tybalt.plan.user_files import check_path

WORKFLOW = Path(__file__).resolve().parents[4]

#: Below this share of genes that the matrix has, a file must speak of other names or species: of
#: all human genes, the 5,000 of a study are a quarter.
SMALLEST_SHARE = 0.05

#: What Enrichr writes behind genes of sets with weights: ``TP53,1.0``.
_WEIGHT = re.compile(r",[0-9.]+(e-?[0-9]+)?$", re.IGNORECASE)

log = logging.getLogger(__name__)


def locate(path: str, where: str = "gene_sets") -> Path:
    """Find a file by a path relative to the working directory or, failing that, to the workflow.

    Parameters
    ----------
    where
        The key that holds the path, for the message.

    Raises
    ------
    InputError
        If it is in neither place.
    """
    check_path(path, where)
    places = [Path(path), WORKFLOW / path]
    for place in places:
        if place.is_file():
            return place
    raise InputError(
        f"{where}: found {path!r}, expected a GMT file in the working directory or in {WORKFLOW}"
    )


def read_gmt(path: Path) -> dict[str, tuple[str, ...]]:
    """Read a GMT file.

    Returns
    -------
    dict
        Name of the set -> its genes, each once, both in the order of the file. Blank lines are
        passed over, as are empty fields at the end of a line (Enrichr writes them).

    Raises
    ------
    InputError
        Naming the line that is not as GMT wants it.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: found bytes that are no text ({error}), expected GMT") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror}), expected GMT") from None
    gene_sets: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip():
            name, genes = parse_line(line, f"{path}, line {number}")
            if name in gene_sets:
                raise InputError(f"{path}, line {number}: the set {shown(name)} is there twice")
            gene_sets[name] = genes
    if not gene_sets:
        raise InputError(f"{path}: found no gene set, expected one a line")
    return gene_sets


def parse_line(line: str, where: str) -> tuple[str, tuple[str, ...]]:
    """Take a line of a GMT file apart: name, genes; raise InputError beginning with `where`."""
    name, *rest = (_unquoted(field.strip()) for field in line.rstrip().split("\t"))
    if len(rest) < 2:
        raise InputError(
            f"{where}: found {1 + len(rest)} fields, expected name, description and genes, "
            "separated by tabs"
        )
    if not name:
        raise InputError(f"{where}: the name of the set is empty")
    genes = [_WEIGHT.sub("", gene) for gene in rest[1:]]
    if "" in genes:
        raise InputError(f"{where}: gene {genes.index('') + 1} of the set {shown(name)} is empty")
    return name, tuple(dict.fromkeys(genes))


def _unquoted(field: str) -> str:
    """Take off a pair of quotes, as spreadsheets write them."""
    return field[1:-1].strip() if len(field) > 1 and field[0] == field[-1] == '"' else field


def share_of_known(gene_sets: Mapping[str, Sequence[str]], genes: Sequence[str]) -> float:
    """Return the share (0..1) of the genes of the sets that a matrix has."""
    listed = {gene for members in gene_sets.values() for gene in members}
    return len(listed & set(genes)) / max(len(listed), 1)


def link(
    gene_sets: Mapping[str, Sequence[str]], genes: Sequence[str], minimum: int, where: str
) -> tuple[list[str], list[tuple[int, int]]]:
    """Link the genes of a matrix to the sets that they are in.

    Parameters
    ----------
    gene_sets
        As `read_gmt` returns them.
    genes
        Genes of the matrix, in its order.
    minimum
        Sets with fewer genes in the matrix are left out.
    where
        The file, for messages.

    Returns
    -------
    list of str, list of (int, int)
        The sets that stay; and the pairs (number of the gene, number of the set), from 0, set by
        set.

    Raises
    ------
    InputError
        If the matrix has next to none of the genes, or no set stays.
    """
    number = {gene: i for i, gene in enumerate(genes)}
    listed = list(dict.fromkeys(gene for members in gene_sets.values() for gene in members))
    missing = [gene for gene in listed if gene not in number]
    found = len(listed) - len(missing)
    share = f"the matrix has {found} of its {len(listed)} genes ({found / len(listed):.0%})"
    log.info("%s: %s", where, share)
    if found < SMALLEST_SHARE * len(listed):
        raise InputError(
            f"{where}: {share}; it has no {some(missing)} but, for example, {some(genes)}; use a "
            "file with the names of the matrix"
        )
    present = {
        name: [number[gene] for gene in members if gene in number]
        for name, members in gene_sets.items()
    }
    kept = [name for name, members in present.items() if len(members) >= minimum]
    if not kept:
        largest = max(present, key=lambda name: len(present[name]))
        raise InputError(
            f"{where}: no set has {minimum} genes in the matrix (the largest, {shown(largest)}, "
            f"has {len(present[largest])}); choose a smaller minimum_genes or larger sets"
        )
    if len(kept) < len(present):
        left_out = [name for name in present if name not in set(kept)]
        log.info("%s: left out %d sets: %s", where, len(left_out), ", ".join(left_out))
    return kept, [(gene, i) for i, name in enumerate(kept) for gene in present[name]]
