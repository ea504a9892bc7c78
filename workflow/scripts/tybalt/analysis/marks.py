"""The three marks of a finding, and the verdict, which is the weakest of them.

A finding *separates*: its best feature, chosen on training samples, answers the contrast on
held-out samples. It *comes back*: trained again on bootstrap samples of the training groups, most
models have the feature and its association again. Its *genes agree*: of the genes with the largest
weights most differ in expression as the weights say.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

CONFIRMED, PARTLY_CONFIRMED = "confirmed", "partly confirmed"
NOT_CONFIRMED, NOT_TESTABLE = "not confirmed", "not testable"

YES, NO, UNKNOWN = "yes", "no", "unknown"
MARKS = ("separates", "comes_back", "genes_agree")

#: Genes that a finding names, and by which its mark is decided: the largest weights of both sides.
NAMED_GENES = 8

#: A majority is needed: of refits that find it again, and of genes that agree. Of contrasts without
#: any effect hardly a gene agrees (measured: docs/proofs.md), so that the majority is no matter of
#: chance; a feature of which half the genes do not differ is not what its genes say.
MAJORITY = 0.5


def mark_refits(refits: pd.DataFrame) -> pd.DataFrame:
    """Sum up refits by contrast.

    Parameters
    ----------
    refits
        Output of `tybalt.analysis.refits.compare_refits`.

    Returns
    -------
    pandas.DataFrame
        Index = contrast; comes_back (yes where more than half of the refits do), refits,
        refits_again, stability (median of |r| on held-out samples, in 0..1).
    """
    by_contrast = refits.assign(r=refits["r"].abs(), again=refits["comes_back"] == YES)
    by_contrast = by_contrast.groupby("contrast", sort=False)
    table = pd.DataFrame(
        {
            "refits": by_contrast.size(),
            "refits_again": by_contrast["again"].sum().astype(int),
            "stability": by_contrast["r"].median(),
        }
    )
    return _with_majority(table, "comes_back", "refits_again", "refits")


def mark_genes(differences: pd.DataFrame) -> pd.DataFrame:
    """Sum up the differences of genes by contrast.

    Parameters
    ----------
    differences
        Output of `tybalt.analysis.gene_differences.measure_gene_differences`.

    Returns
    -------
    pandas.DataFrame
        Index = contrast; genes_agree (yes where more than half of the eight high-weight genes with
        the largest weights agree), genes_checked, genes_agreeing (of these eight), and genes: those
        of all that agree and are higher in positive samples (for numbers: with more of it), at most
        eight, the largest weights first.
    """
    order = np.argsort(-differences["deviations"].abs().to_numpy(dtype=float), kind="stable")
    differences = differences.iloc[order]
    differences = differences.assign(agreeing=differences["agrees"] == YES)
    first = differences.groupby("contrast", sort=False).head(NAMED_GENES).groupby("contrast")
    table = pd.DataFrame(
        {"genes_checked": first.size(), "genes_agreeing": first["agreeing"].sum().astype(int)}
    )
    higher = differences[differences["agreeing"] & (differences["direction"] == "higher")]
    higher = higher.groupby("contrast").head(NAMED_GENES).groupby("contrast")["gene"]
    table["genes"] = higher.agg(", ".join).reindex(table.index)
    return _with_majority(table, "genes_agree", "genes_agreeing", "genes_checked")


def _with_majority(table: pd.DataFrame, mark: str, part: str, whole: str) -> pd.DataFrame:
    return table.assign(**{mark: np.where(table[part] > MAJORITY * table[whole], YES, NO)})


def add_marks(
    found: pd.DataFrame, differences: pd.DataFrame, refits: pd.DataFrame | None
) -> pd.DataFrame:
    """Add marks and what is behind them to one row for each contrast; grade the verdict by them.

    Parameters
    ----------
    found
        contrast, verdict (that of the association), reason.
    differences, refits
        As in `mark_genes` and `mark_refits`; None where nothing was trained on bootstrap samples.
    """
    separates = found["verdict"].map({CONFIRMED: YES, NOT_CONFIRMED: NO}).fillna(UNKNOWN)
    found = found.assign(separates=separates)
    found = found.join(mark_genes(differences), on="contrast")
    columns = ["comes_back", "refits", "refits_again", "stability"]
    if refits is None:
        found = found.assign(**dict.fromkeys(columns, np.nan))
    else:
        found = found.join(mark_refits(refits)[columns], on="contrast")
    for mark in MARKS:
        found[mark] = found[mark].astype(object).fillna(UNKNOWN)
    found["genes"] = found["genes"].where(found["separates"] == YES)
    lacking = [describe_lacking(row) for row in found.to_dict("records")]
    is_partly = (found["separates"] == YES) & (np.array(lacking, dtype=object) != "")
    found["verdict"] = found["verdict"].mask(is_partly, PARTLY_CONFIRMED)
    found["reason"] = found["reason"].mask(is_partly, pd.Series(lacking, found.index))
    counts = ["refits", "refits_again", "genes_checked", "genes_agreeing"]
    return found.astype(dict.fromkeys(counts, "Int64"))


def describe_lacking(row: dict) -> str:
    """Say which of the two further marks a finding lacks, and by how much; "" if none."""
    parts = []
    if row["comes_back"] == UNKNOWN:
        parts.append("not trained on bootstrap samples")
    elif row["comes_back"] == NO:
        parts.append(
            f"comes back in {row['refits_again']:.0f} of {row['refits']:.0f} trainings on "
            f"bootstrap samples (median |r| {row['stability']:.2f})"
        )
    if row["genes_agree"] == UNKNOWN:
        parts.append("no gene has a high weight")
    elif row["genes_agree"] == NO:
        parts.append(
            f"{row['genes_agreeing']:.0f} of {row['genes_checked']:.0f} genes differ as their "
            "weights say"
        )
    return "; ".join(parts)


def count_verdicts(verdicts: Sequence[str]) -> dict[str, int]:
    """Count what could be tested, what is confirmed in full and in part, and the rest."""
    counts = pd.Series(list(verdicts), dtype=object).value_counts()
    untestable = int(counts.get(NOT_TESTABLE, 0))
    return {
        "testable": len(verdicts) - untestable,
        "confirmed": int(counts.get(CONFIRMED, 0)),
        "partly": int(counts.get(PARTLY_CONFIRMED, 0)),
        "untestable": untestable,
    }
