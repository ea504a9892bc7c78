"""What the rotation of a code changes: the same questions asked of the codes before it."""

import logging
from collections.abc import Sequence

import pandas as pd

from tybalt.analysis.associations import CONFIRMED, feature_stability
from tybalt.analysis.findings import oriented
from tybalt.analysis.stability import unrotated
from tybalt.jobs.files import read_table, write_table
from tybalt.plan.models_and_tuners import UNROTATED
from tybalt.plan.replicates import BOOTSTRAP, SEED
from tybalt.training.bundle import read_rotation

log = logging.getLogger(__name__)

#: Mean |r| over trainings on bootstrap samples from which a feature counts as found again.
FOUND_AGAIN = 0.9

#: Columns of the table, before those of the contrasts that the config names.
COMPARISON_COLUMNS = ["rotation", "contrasts_separated", "features_separating", "pairs"]
COMPARISON_COLUMNS += ["gene_sets", "features_with_gene_sets"]
COMPARISON_COLUMNS += ["stability", "features_found_again", "stability_of_best"]
COMPARISON_COLUMNS += ["stability_over_seeds"]


def unrotate_features(
    model: str, encoding: str, gene_weights: str, unrotated_encoding: str, unrotated_weights: str
) -> None:
    """Write codes and weights as the model gives them, before their rotation.

    Parameters
    ----------
    model
        Input ``model.zip``, which holds the rotation.
    encoding, gene_weights
        Inputs: its rotated codes and weights.
    unrotated_encoding, unrotated_weights
        Outputs: tables of the same form.
    """
    rotation = read_rotation(model)
    for source, index, target in (
        (encoding, "sample", unrotated_encoding),
        (gene_weights, "gene", unrotated_weights),
    ):
        table = unrotated(read_table(source, index=index), rotation)
        write_table(table.rename_axis(index).reset_index(), target)


def compare_rotations(
    associations: str,
    gene_sets: str,
    stability: Sequence[str],
    unrotated_associations: str,
    unrotated_gene_sets: str,
    unrotated_stability: Sequence[str],
    rotation: str,
    comparison: str,
) -> None:
    """Put what the rotated features say beside what the codes themselves say.

    Parameters
    ----------
    associations, gene_sets, stability
        Outputs of `associate_features`, `find_gene_sets` and `measure_stability`; the last is an
        empty list where nothing was trained again.
    unrotated_associations, unrotated_gene_sets, unrotated_stability
        The same of the codes before their rotation.
    rotation
        What the rotation is called.
    comparison
        Output table, a row for `none` and one for the rotation: ``contrasts_separated`` (of
        which a feature separates held-out samples), ``features_separating`` (any contrast),
        ``pairs`` (of contrast and feature that separates it); ``gene_sets`` and
        ``features_with_gene_sets``, as far as they are named; ``stability`` (mean over active
        features of |r| with the matched feature of trainings on bootstrap samples),
        ``features_found_again`` (at least 0.9), ``stability_of_best`` (mean over the best features
        of the contrasts that are separated); ``stability_over_seeds`` (as ``stability``, of
        trainings with other seeds); and of each contrast that the config names the effect of its
        best feature, in the direction seen in training: ``{contrast} train``, ``{contrast} test``.
    """
    rows = [
        summarise(UNROTATED, unrotated_associations, unrotated_gene_sets, unrotated_stability),
        summarise(rotation, associations, gene_sets, stability),
    ]
    table = pd.DataFrame(rows)
    write_table(table, comparison)
    for row in rows:
        log.info("%s", ", ".join(f"{name} {value}" for name, value in row.items()))


def summarise(
    rotation: str, associations: str, gene_sets: str, stability: Sequence[str]
) -> dict[str, object]:
    """Sum up one code; see `compare_rotations`."""
    tested, sets = read_table(associations), read_table(gene_sets)
    separating = tested[tested["verdict"] == CONFIRMED]
    sets = sets[sets["named"] == "yes"]
    best = tested[tested["rank"] == 1]
    again, over_seeds = (stability_of(stability, kind) for kind in (BOOTSTRAP, SEED))
    best_separating = best.loc[best["verdict"] == CONFIRMED, "feature"]
    values = [rotation, separating["contrast"].nunique(), separating["feature"].nunique()]
    values += [len(separating), sets["gene_set"].nunique(), sets["feature"].nunique()]
    values += [again.mean(), int((again >= FOUND_AGAIN).sum()) if len(again) else None]
    values += [again.reindex(best_separating).mean(), over_seeds.mean()]
    row = dict(zip(COMPARISON_COLUMNS, values, strict=True))
    for named in best[best["named"] == "yes"].to_dict("records"):
        effect = oriented(named)
        row[f"{named['contrast']} train"] = effect.train
        row[f"{named['contrast']} test"] = effect.test
    return row


def stability_of(stability: Sequence[str], kind: str) -> pd.Series:
    """Mean |r| of each active feature over the trainings of a kind; empty if there are none."""
    if not stability:
        return pd.Series(dtype=float)
    table = read_table(str(stability))
    return feature_stability(table[table["active"] == "yes"], kind)
