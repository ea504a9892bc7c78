"""The best feature of each contrast, looked for in trainings on bootstrap samples."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tybalt.analysis.associations import SMALLEST_EFFECT
from tybalt.analysis.contrasts import Contrast, read_contrasts
from tybalt.analysis.stratified_tests import CHANCE, answering_strata, measure_effects
from tybalt.data.samples import read_codes, read_samples
from tybalt.jobs.files import read_table, write_table
from tybalt.plan.replicates import BOOTSTRAP

log = logging.getLogger(__name__)

#: A feature of a refit is the same if their correlation on held-out samples is at least this: they
#: share about half of their variance (r squared). Features of a refit that are *not* the match
#: reach it in 0 to 2 % of pairs, measured on simulated and on real samples (docs/proofs.md).
SAME_FEATURE = 0.7

REFIT_COLUMNS = ["contrast", "feature", "replicate", "matched", "r"]
REFIT_COLUMNS += ["effect_train", "refit_effect_train", "comes_back"]


def compare_refits(
    samples: str,
    replicates: Sequence[str],
    stability: str,
    associations: str,
    columns: Sequence[str],
    status: Sequence[str],
    mutation_burden: Sequence[str],
    driver_genes: str,
    declared: Mapping[str, Mapping[str, Any]],
    roles: Mapping[str, Any],
    refits: str,
) -> None:
    """Look for the best feature of each contrast in the trainings on bootstrap samples.

    A finding comes back in a refit if the feature does (|r| with its match of at least 0.7 on
    held-out samples) and its association too: in the same direction and of at least the minimum
    effect on the training samples of the model. Features that follow labels correlate in any case;
    the association is measured within strata, and so notices what they hide.

    Parameters
    ----------
    replicates
        Codes by the models trained on bootstrap samples, by number.
    stability, associations
        Outputs of `measure_stability` and `associate_features`.
    samples, columns, status, mutation_burden, driver_genes, declared, roles
        As in `associate_features`.
    refits
        Output table, one row for each contrast that training samples answer and each refit: r on
        held-out samples; the effects of the feature and of its match, turned by the sign of r.
    """
    known = read_samples(samples, roles)
    best = read_table(associations)
    best = best[(best["rank"] == 1) & best["effect_train"].notna()]
    matches = read_table(stability)
    matches = matches[matches["kind"] == BOOTSTRAP]
    tables = [pd.DataFrame(columns=REFIT_COLUMNS)]
    for number, path in enumerate(replicates, start=1):
        present, codes = read_codes(path, known)
        asked = read_contrasts(present, declared, columns, status, driver_genes, mutation_burden)
        match = matches[matches["replicate"] == number].set_index("feature")
        table = compare_refit(best, match, codes, asked, present.is_train, present.group)
        tables.append(table.assign(replicate=number)[REFIT_COLUMNS])
    table = pd.concat(tables[1:] or tables, ignore_index=True)
    write_table(table, refits)
    log.info("%d of %d come back", (table["comes_back"] == "yes").sum(), len(table))


def compare_refit(
    best: pd.DataFrame,
    match: pd.DataFrame,
    codes: pd.DataFrame,
    contrasts: Sequence[Contrast],
    train: np.ndarray,
    groups: np.ndarray,
) -> pd.DataFrame:
    """Compare one refit; see `compare_refits`.

    Parameters
    ----------
    best
        One row per contrast: contrast, feature, measure, effect_train.
    match
        Index = feature; matched (missing without one) and r.
    codes
        Samples x features of the refit.
    contrasts
        All that `best` has.
    train, groups
        Of each sample: whether it is a training sample of the model; its group.
    """
    asked = {contrast.name: contrast for contrast in contrasts}
    chosen = [asked[name] for name in best["contrast"]]
    strata = [answering_strata(contrast, train, groups) for contrast in chosen]
    effects = measure_effects(codes.to_numpy(dtype=float), chosen, train, strata).effect
    rows = []
    for i, row in enumerate(best.to_dict("records")):
        matched, r = match.loc[row["feature"], ["matched", "r"]]
        chance = CHANCE[row["measure"]]
        departure = 0.0
        if isinstance(matched, str) and matched:
            departure = (effects[i, codes.columns.get_loc(matched)] - chance) * np.sign(r)
        is_same = abs(r) >= SAME_FEATURE
        again = np.sign(row["effect_train"] - chance) * departure >= SMALLEST_EFFECT[row["measure"]]
        rows.append(
            {
                "contrast": row["contrast"],
                "feature": row["feature"],
                "matched": matched,
                "r": r,
                "effect_train": row["effect_train"],
                "refit_effect_train": chance + departure,
                "comes_back": "yes" if is_same and again else "no",
            }
        )
    columns = [name for name in REFIT_COLUMNS if name != "replicate"]
    return pd.DataFrame(rows, columns=columns)
