"""What can be read but looks wrong: columns that are no samples, rows that are no genes, copies.

Sure mistakes are refused; whatever may be meant is said, in the log and on the summary page.
"""

import re
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from tybalt.plan.errors import InputError, some

_ANNOTATIONS = """
accession band biotype chr chrom chromosome class cytoband description effectivelength end ensembl
ensemblgeneid ensemblid entrez entrezgene entrezgeneid entrezid exon exoncount exonlength gc
gccontent geneassignment genebiotype genedescription geneend geneid genelength genename genestart
genesymbol genetype hgncid hgncsymbol hugosymbol index length locus locusid locuslink locustag
mediantxlength probe probeid probeset probesetid refseq refseqid start strand symbol txlength
uniprot uniprotid unigene width
"""

#: Names, in lower case without separators, of columns that annotate genes and measure nothing.
ANNOTATIONS = frozenset(_ANNOTATIONS.split())

#: A sample whose typical value is this many times the largest value of most others is none, or has
#: other units.
DWARFS = 3

#: Numbers that many tables write for values that are missing.
MISSING_CODES = (-9, -99, -999, -9999, 999, 9999, 99999)

#: Samples that are smaller than most by this factor, of logarithms and of others, are told.
SMALL, SMALL_IN_COUNTS = 3, 20

#: No logarithm of a measurement to the base of 2 is larger: 2^64 is beyond any count.
LARGEST_LOGARITHM = 64

#: With fewer features or different values than this, equal columns and far values may be chance.
FEW_FEATURES = 20

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


def refuse_other_scales(values: np.ndarray, samples: Sequence[str], path: str) -> None:
    """Refuse a few columns whose typical value is far beyond the largest of most others.

    They are annotations of genes, or samples in other units, and everything else would be scaled to
    next to nothing beside them. Values that may be logarithms or copy numbers are left alone.

    Parameters
    ----------
    values
        Genes x samples, NaN where missing; the columns of `samples`.

    Raises
    ------
    InputError
        Naming the columns.
    """
    if len(values) < FEW_FEATURES:
        return
    sizes = np.abs(np.where(np.isnan(values), 0, values))
    typical, usual = np.median(sizes, axis=0), np.median(sizes.max(axis=0))
    strange = np.flatnonzero(typical > max(DWARFS * usual, LARGEST_LOGARITHM))
    if 0 < len(strange) < len(samples) / 2:
        columns = "columns" if len(strange) > 1 else "column"
        raise InputError(
            f"{path}: the {columns} {some([samples[i] for i in strange])} "
            f"{'have' if len(strange) > 1 else 'has'} values of another kind (typically "
            f"{typical[strange[0]]:.4g}, the largest of most samples is {usual:.4g}): as "
            "annotations of genes or other units have; take them out, or bring them to the scale "
            "of the others"
        )


def constant_samples(values: np.ndarray, samples: Sequence[str], path: str) -> list[str]:
    """Say which samples have one and the same value everywhere, as failed measurements do.

    Parameters
    ----------
    values, samples
        As of `refuse_other_scales`. Where most samples have few values (events, 0 or 1), a
        constant one is nothing special.
    """
    if len(values) < FEW_FEATURES or not len(samples):
        return []
    lowest, highest = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    constant, others = lowest == highest, np.flatnonzero(lowest < highest)
    if not constant.any() or not len(others) or not is_measured(values[:, others[0]]):
        return []
    found = [samples[i] for i in np.flatnonzero(constant)]
    return [
        f"{path}: {len(found)} samples have one and the same value in the most variable features "
        f"({some(found)}), as failed measurements do; take them out if they are."
    ]


def small_samples(values: np.ndarray, samples: Sequence[str], path: str) -> list[str]:
    """Say which samples have much smaller values than most, as other units or ranks give them.

    Parameters
    ----------
    values, samples
        As of `refuse_other_scales`. Of values below 0, as log ratios are, nothing is concluded:
        some samples depart less from the usual than others.
    """
    if len(values) < FEW_FEATURES or not len(samples) or np.nanmin(values) < 0:
        return []
    sizes = np.quantile(np.abs(np.where(np.isnan(values), 0, values)), 0.9, axis=0)
    usual = np.quantile(sizes, 0.75)
    # Sizes of libraries differ by more than levels of logarithms.
    factor = SMALL if usual <= LARGEST_LOGARITHM else SMALL_IN_COUNTS
    found = np.flatnonzero((sizes > 0) & (sizes < usual / factor))
    if not len(found) or not is_measured(values[:, np.argmax(sizes)]):
        return []
    return [
        f"{path}: {len(found)} samples have much smaller values than most "
        f"({some([samples[i] for i in found])}; nine tenths of their values are below "
        f"{sizes[found[0]]:.3g}, of most samples below {usual:.3g}), as other units, ranks or "
        "failed measurements give them; bring them to the scale of the others, or take them out."
    ]


def is_measured(values: np.ndarray) -> bool:
    """Tell measurements from events, calls and shares of few kinds: by their different values."""
    return len(np.unique(values[~np.isnan(values)])) >= FEW_FEATURES


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
    if transform == "none" and largest > LARGEST_LOGARITHM and smallest > -largest / 100:
        return [
            f"{path}: its values reach {largest:,.0f}, so they are no logarithms: a few large "
            "values rule the choice of genes, scales and losses; set transform: log2, which takes "
            "log2(x + 1)."
        ]
    if smallest in MISSING_CODES:
        return [
            f"{path}: its smallest value is exactly {smallest:g}, as codes for missing values are: "
            "if it is one, empty these cells."
        ]
    if transform == "log2" and largest < np.log2(LARGEST_LOGARITHM + 1):
        return [
            f"{path}: its values reach only {2**largest - 1:.3g}, so they seem to be logarithms "
            "already, and transform: log2 has taken another one."
        ]
    return []


def copies_of(X: np.ndarray, samples: Sequence[str], is_described: np.ndarray) -> dict[str, str]:
    """Find samples whose values are those of another one, to the last bit.

    Parameters
    ----------
    X
        Samples x features, C order.
    is_described
        bool: of which samples something is known; one of these is the original.

    Returns
    -------
    dict
        Copy -> the sample that it repeats. Only of measurements with many different values
        (`is_measured`): equal ones are no chance then.
    """
    first: dict[bytes, int] = {}
    copies = {}
    for i in sorted(range(len(samples)), key=lambda i: not is_described[i]):
        original = first.setdefault(X[i].tobytes(), i)
        if original != i and is_measured(X[i]):
            copies[samples[i]] = samples[original]
    return copies
