"""What can be read but looks wrong: columns that are no samples, rows that are no genes, copies.

Sure mistakes are refused; whatever may be meant is said, in the log and on the summary page.
"""

import re
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from tybalt.plan.errors import InputError, some

_ANNOTATIONS = """
accession band biotype chr chrom chromosome class cytoband description end ensembl ensemblgeneid
ensemblid entrez entrezgene entrezgeneid entrezid exon exoncount exonlength gc gccontent
geneassignment genebiotype genedescription geneend geneid genelength genename genestart genesymbol
genetype hgncid hgncsymbol hugosymbol index length locus locuslink locustag mediantxlength probe
probeid probeset probesetid refseq refseqid start strand symbol txlength uniprot uniprotid unigene
width
"""

#: Names, in lower case without separators, of columns that annotate genes and measure nothing.
ANNOTATIONS = frozenset(_ANNOTATIONS.split())

#: A sample without clinical row whose typical value is this many times the largest value of all
#: others is none.
DWARFS = 10

#: No logarithm of a measurement to the base of 2 is larger: 2^64 is beyond any count.
LARGEST_LOGARITHM = 64

#: With fewer features than this, equal columns may be chance.
FEATURES_OF_COPIES = 20

#: A larger share of copies says that samples are hard to tell apart, not that columns stand twice.
MANY_COPIES = 0.5

#: Rows that programs add below the genes.
#: Source: HTSeq (https://htseq.readthedocs.io, htseq-count: "special counters"), STAR 2.7 manual,
#: section "Counting number of reads per gene".
_SUMMARY_ROW = re.compile(r"__\w+|N_(unmapped|multimapping|noFeature|ambiguous)")

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec"
_DATE = re.compile(
    rf"\d{{1,2}}-({_MONTHS})(-\d{{2,4}})?|({_MONTHS})-\d{{1,4}}"
    r"|(19|20)\d\d[-/]\d{1,2}[-/]\d{1,2}(\s.*)?|\d{1,2}[/.]\d{1,2}[/.](\d{2}|\d{4})",
    re.IGNORECASE,
)
_SERIAL_OR_FLOAT = re.compile(r"[34]\d{4}(\.0)?|\d(\.\d+)?E\+\d+", re.IGNORECASE)


def is_summary_row(name: str) -> bool:
    """Tell rows that count reads outside of genes, as HTSeq and STAR write them."""
    return _SUMMARY_ROW.fullmatch(name) is not None


def refuse_annotations(samples: Iterable[str], path: str) -> None:
    """Refuse columns that are named as annotations of genes are; raise InputError.

    Parameters
    ----------
    samples
        Ids of samples of which nothing else is known.
    """
    found = [name for name in samples if is_annotation(name)]
    if found:
        raise InputError(
            f"{path}: found the column{'s' if len(found) > 1 else ''} {some(found)} among the "
            "samples, which describe genes and are no samples; take them out (the first column "
            "names the genes, all others are samples)"
        )


def is_annotation(name: str) -> bool:
    """Tell names of columns that describe genes."""
    plain = re.sub(r"[\s_.\-]", "", name).lower()
    return plain in ANNOTATIONS or name.startswith("Unnamed: ")


def refuse_dwarfing(
    values: np.ndarray, samples: Sequence[str], unknown: np.ndarray, path: str
) -> None:
    """Refuse samples without clinical row whose values dwarf those of all others.

    Parameters
    ----------
    values
        Genes x samples, NaN where missing; the columns of `samples`.
    unknown
        bool: which samples have no clinical row.
    """
    if not unknown.any() or unknown.all():
        return
    largest = np.nanmax(np.abs(values[:, ~unknown]))
    with np.errstate(all="ignore"):
        typical = np.array([_median(np.abs(values[:, i])) for i in np.flatnonzero(unknown)])
    strange = np.flatnonzero(unknown)[typical > DWARFS * largest]
    if len(strange):
        worst = int(strange[0])
        raise InputError(
            f"{path}: the column{'s' if len(strange) > 1 else ''} "
            f"{some([samples[i] for i in strange])} without a clinical row have values of another "
            f"kind (typically {_median(np.abs(values[:, worst])):.4g}, all others at most "
            f"{largest:.4g}): they seem to describe genes; take them out, or give their samples a "
            "clinical row"
        )


def _median(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else 0.0


def name_caveats(genes: Collection[str], path: str) -> list[str]:
    """Say which names of genes a spreadsheet has turned into dates or numbers."""
    dates = [name for name in genes if _DATE.fullmatch(name)]
    odd = [name for name in genes if _SERIAL_OR_FLOAT.fullmatch(name)]
    n_numbers = sum(name.isdigit() for name in genes)
    if n_numbers > len(genes) / 10:  # Entrez ids are numbers
        odd = []
    found = dates + odd
    if not found:
        return []
    return [
        f"{path}: {len(found)} names of genes look like dates or numbers that a spreadsheet has "
        f"made of names ({some(found)}); 1-Mar may be MARCH1 or MARC1, 2-Sep SEPT2: restore them, "
        "as nothing finds these genes."
    ]


def scale_caveats(largest: float, smallest: float, transform: str, path: str) -> list[str]:
    """Say that values are no logarithms where they should be, or are already.

    Parameters
    ----------
    largest, smallest
        Of the chosen features, as they stand in the matrix before scaling.
    transform
        ``none`` or ``log2``, which they have gone through.
    """
    if transform == "none" and largest > LARGEST_LOGARITHM and smallest >= 0:
        return [
            f"{path}: its values reach {largest:,.0f}, so they are no logarithms: a few large "
            "values rule the choice of genes, scales and losses; set transform: log2, which takes "
            "log2(x + 1)."
        ]
    if transform == "log2" and largest < np.log2(LARGEST_LOGARITHM + 1):
        return [
            f"{path}: its values reach only {2**largest - 1:.3g}, so they seem to be logarithms "
            "already, and transform: log2 has taken another one."
        ]
    return []


def copies_of(X: np.ndarray, samples: Sequence[str]) -> dict[str, str]:
    """Find samples whose values are those of an earlier one, to the last bit.

    Parameters
    ----------
    X
        Samples x features, C order.

    Returns
    -------
    dict
        Copy -> the sample that it repeats. Empty where chance may do it: few features
        (`FEATURES_OF_COPIES`), a constant row, or copies everywhere (`MANY_COPIES`).
    """
    if X.shape[1] < FEATURES_OF_COPIES:
        return {}
    first: dict[bytes, str] = {}
    copies = {}
    for row, sample in zip(X, samples, strict=True):
        original = first.setdefault(row.tobytes(), sample)
        if original != sample and row.min() < row.max():
            copies[sample] = original
    return copies if len(copies) <= MANY_COPIES * len(samples) else {}
