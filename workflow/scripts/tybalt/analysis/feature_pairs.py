"""The latent feature that, with a given one, best separates the positive samples of a contrast."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tybalt.analysis.contrasts import ask_contrast
from tybalt.analysis.stratified_tests import answering_strata, stratified_auroc
from tybalt.data.samples import Samples, read_codes, read_samples
from tybalt.jobs.files import read_table, write_table
from tybalt.plan.names import in_words

PAIR_COLUMNS = ["contrast", "positive", "negative", "within", "strata", "feature", "partner"]
PAIR_COLUMNS += ["weight_feature", "weight_partner", "auroc_train", "auroc_test"]
POINT_COLUMNS = ["contrast", "sample", "part", "side", "x", "y"]


class Pair(NamedTuple):
    """A second feature and the discriminant of both."""

    partner: int
    weights: np.ndarray  #: of the first feature and the partner; higher = positive


def pair_features(
    samples: str,
    encoding: str,
    associations: str,
    declared: Mapping[str, Mapping[str, Any]],
    roles: Mapping[str, Any],
    feature_pairs: str,
    pair_points: str,
) -> None:
    """Find the feature that best helps the best one of each named contrast.

    Both are chosen on training samples alone; the AUROC of the held-out ones is beside it.

    Parameters
    ----------
    samples, roles
        samples.tsv, and the parts that its columns play (`tybalt.data.samples`).
    encoding
        encoding.tsv.gz of one experiment.
    associations
        Output of `associate_features`; the best feature of a contrast has rank 1.
    declared
        Contrasts that the config names: name -> {covariate, positive, within?}.
    feature_pairs
        Output table, one row per contrast: the sides in words (`positive`, `negative`), `within`
        and in how many `strata`; `feature` and `partner` (missing if no other feature varies),
        their weights in the discriminant, and its AUROC (`auroc_train`, `auroc_test`; missing if
        one side is empty). Without training samples on both sides there is no feature.
    pair_points
        Output table, one row per contrast and sample that is compared: `sample`, `part`, `side`
        (1 or 0), `x` and `y`, the values of feature and partner, centred within strata.
    """
    known = read_samples(samples, roles)
    known, codes = read_codes(encoding, known)
    table = read_table(associations)
    table = table[(table["named"] == "yes") & (table["rank"] == 1)].set_index("contrast")
    pairs, points = [], [pd.DataFrame(columns=POINT_COLUMNS)]
    for name, definition in declared.items():
        row, found = pair_of(name, definition, codes, known, table.loc[name])
        pairs.append(row)
        points.append(found)
    write_table(pd.DataFrame(pairs, columns=PAIR_COLUMNS), feature_pairs)
    write_table(pd.concat(points, ignore_index=True)[POINT_COLUMNS], pair_points)


def pair_of(
    name: str,
    definition: Mapping[str, Any],
    codes: pd.DataFrame,
    samples: Samples,
    best: pd.Series,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Find the pair of one contrast; see `pair_features`."""
    asked = ask_contrast(samples.table, name, definition)
    strata = answering_strata(asked, samples.is_train, samples.group)
    compared = np.isfinite(asked.values) & np.isin(asked.stratum, strata)
    train = compared & samples.is_train
    held_out = compared & (samples.split == samples.held_out)
    label = pd.Series(asked.values, samples.index)
    stratum = pd.Series(asked.stratum, samples.index)
    sides = label[held_out].groupby(stratum[held_out]).nunique()
    held_out &= stratum.isin(sides.index[sides == 2]).to_numpy()
    row = {"contrast": name, "within": definition.get("within", ""), "strata": len(strata)}
    row |= dict(zip(("negative", "positive"), side_names(samples.table, definition), strict=True))
    if np.isnan(best["effect_train"]) or not train.any():
        return row, pd.DataFrame(columns=POINT_COLUMNS)
    first = codes.columns.get_loc(best["feature"])
    if "within" in definition:
        centre = midpoints(codes[train], label[train], stratum[train])
        codes = codes[compared] - centre.loc[stratum[compared]].to_numpy()
        codes = codes.reindex(samples.index)
    pair = best_pair(codes[train], label[train], stratum[train], first)
    row["feature"] = codes.columns[first]
    shown = train | held_out
    points = pd.DataFrame(
        {
            "contrast": name,
            "sample": samples.index[shown],
            "part": samples.split[shown],
            "side": label[shown].astype(int),
            "x": codes.iloc[shown, first],
            "y": np.nan if pair is None else codes.iloc[shown, pair.partner],
        }
    )
    if pair is not None:
        values = codes.iloc[:, [first, pair.partner]].to_numpy(float) @ pair.weights
        row |= {"partner": codes.columns[pair.partner]}
        row |= {"weight_feature": pair.weights[0], "weight_partner": pair.weights[1]}
        for part, rows in (("train", train), ("test", held_out)):
            area = stratified_auroc(
                values[rows, None], *(each[rows].to_numpy() for each in (label, stratum))
            )
            row[f"auroc_{part}"] = float(area[0])
    return row, points


def side_names(obs: pd.DataFrame, definition: Mapping[str, Any]) -> tuple[str, str]:
    """Name the negative and the positive side."""
    values = obs[definition["covariate"]].astype(object).dropna()
    others = sorted({str(value) for value in values} - {""} - set(map(str, definition["positive"])))
    negative = ", ".join(others) if len(others) <= 2 else f"other {definition['covariate']}"
    return in_words(negative), ", ".join(map(str, definition["positive"]))


def best_pair(codes: pd.DataFrame, label: pd.Series, stratum: pd.Series, first: int) -> Pair | None:
    """Find the partner whose linear discriminant with `first` has the highest AUROC.

    Fisher's discriminant (Annals of Eugenics 1936, 7:179-188) is fitted to each pair; all values
    are of training samples.

    Parameters
    ----------
    codes
        Training samples x features; centred within strata where there are any, see `midpoints`.
    label, stratum
        1 or 0, and the stratum, of the same samples.
    first
        Column of the given feature.

    Returns
    -------
    Pair or None
        None if no other feature varies within the sides.
    """
    values, positive = codes.to_numpy(float), (label == 1).to_numpy()
    weights = discriminants(values, positive, first)
    candidates = [
        column
        for column in range(values.shape[1])
        if column != first and np.isfinite(weights[column]).all()
    ]
    if not candidates:
        return None
    scores = (
        values[:, [first]] * weights[candidates, 0]
        + values[:, candidates] * (weights[candidates, 1])
    )
    areas = stratified_auroc(scores, label.to_numpy(), stratum.to_numpy())
    partner = candidates[int(np.argmax(areas))]
    return Pair(partner, weights[partner])


def discriminants(values: np.ndarray, positive: np.ndarray, first: int) -> np.ndarray:
    """Fit Fisher's discriminant of column `first` with every column, in closed form.

    Returns
    -------
    numpy.ndarray
        Features x 2: weights of `first` and of the other; NaN where the two are collinear or one
        is constant within the sides.
    """
    sides = [values[positive], values[~positive]]
    difference = sides[0].mean(axis=0) - sides[1].mean(axis=0)
    residuals = np.concatenate([side - side.mean(axis=0) for side in sides])
    variance = (residuals**2).mean(axis=0)
    covariance = (residuals * residuals[:, [first]]).mean(axis=0)
    determinant = variance[first] * variance - covariance**2
    regular = determinant > 1e-9 * variance[first] * variance
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.stack(
            [
                (variance * difference[first] - covariance * difference) / determinant,
                (variance[first] * difference - covariance * difference[first]) / determinant,
            ],
            axis=1,
        )
    weights[~regular] = np.nan
    return weights


def midpoints(codes: pd.DataFrame, label: pd.Series, stratum: pd.Series) -> pd.DataFrame:
    """Return, for each stratum, the middle between the means of its two sides.

    Subtracting it takes away what differs between strata, whatever the share of positives.

    Returns
    -------
    pandas.DataFrame
        Strata x features.
    """
    means = codes.groupby([stratum.to_numpy(), label.to_numpy()]).mean()
    return means.groupby(level=0).mean()
