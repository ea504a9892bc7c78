"""What makes one simulated sample differ from another: expression programmes, planted and known.

The log2 expression of gene g in sample s is offset_g + scale_g * (loadings_g . factors_s + noise).
Every factor has a name and a meaning, so that what a model finds can be graded:

===================  =============================================================================
`type:BRCA`          a cancer type's own programme (weaker for types that resemble another)
`system:kidney`      what the types of one organ system or lineage share
`subtype:BRCA:1`     two subtypes beside the main one in every cancer type
`y_chromosome`       expressed by males; lost in some male tumours
`x_inactivation`     XIST and TSIX, in females; lost in a few female tumours
`melanocyte`         SKCM and UVM; weak in dedifferentiated SKCM
`proliferation`, `immune`, `stroma`, `metastasis`   continuous, in all types
`normal`, `normal:kidney`   tumour-normal difference: published in common, invented by system
`phase_cos1` ...     the nonlinear factor: see `phase_harmonics`
`batch:1` ...        differences between plates
`state:1` ...        continuous variation without a name
===================  =============================================================================
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ive, polygamma

#: Shares of a gene's variance that is not due to its cancer type. What is missing to 1 is
#: `DISPERSION_SHARE`, left to the negative binomial. The values were chosen so that principal
#: components and nearest neighbours resemble those of TCGA (benchmarks/compare_simulated.py).
SHARES = {"subtype": 0.13, "continuous": 0.44, "normal": 0.03, "batch": 0.03, "residual": 0.20}
DISPERSION_SHARE = 1.0 - sum(SHARES.values())

#: Share of a marker gene's variance that its own programme explains.
MARKER_SHARES = {
    "y_chromosome": 0.97,
    "x_inactivation": 0.96,
    "melanocyte": 0.85,
    "tissue": 0.7,
    "proliferation": 0.5,
    "immune": 0.5,
    "stroma": 0.5,
    "phase": 0.6,
}
CONTINUOUS = ("proliferation", "immune", "stroma", "metastasis")
N_STATES = 30
N_BATCHES = 5
N_PHASE_GENES = 60
N_HARMONICS = 6
PHASE_CONCENTRATION = 6.0

Y_LOSS = 0.1  # share of male tumours that have lost their Y chromosome
X_LOSS = 0.03  # share of female tumours without XIST
DEDIFFERENTIATED = 0.07  # share of SKCM with weak melanocyte genes
#: A cancer type's own programme is weaker in impure and dedifferentiated samples: range of its
#: strength, uniform.
STRENGTH = (0.3, 1.3)
#: Some samples are more unusual than others: spread of the logarithm of the size of their states.
DEVIANCE_SPREAD = 0.4
#: Chance that a sample leans towards a type of its system: this, and more for indistinct types.
LEANING = 0.06
LEANING_OF_INDISTINCT = 0.5

METASTATIC_CODES = ("06", "07")
NORMAL_CODE = "11"


@dataclass(frozen=True)
class Programmes:
    """The structure of a simulated world: the same for every sample drawn from it.

    Attributes
    ----------
    factors
        Names of the K factors.
    loadings
        float32, genes x K, in units of the gene's standard deviation.
    residual
        float32, genes: standard deviation of the variation of a gene on its own, same unit.
    dispersion
        float64, genes: negative-binomial dispersion d of the counts (variance mu + d mu^2).
    markers
        Per gene the name of the programme it was planted in, or "".
    phase_peaks
        Per gene the phase in radians at which it peaks, NaN for genes without phase.
    levels
        Cancer types x (proliferation, immune, stroma): the mean of the continuous factors.
    """

    factors: list[str]
    loadings: np.ndarray
    residual: np.ndarray
    dispersion: np.ndarray
    markers: np.ndarray
    phase_peaks: np.ndarray
    levels: pd.DataFrame


def factor_names(cohorts: pd.DataFrame) -> list[str]:
    """Name all factors of a world with these cohorts, in the order of the columns."""
    types = list(cohorts.index)
    systems = sorted({name for names in cohorts["systems"] for name in names.split(",")})
    return [
        *(f"type:{name}" for name in types),
        *(f"system:{name}" for name in systems),
        *(f"subtype:{name}:{i}" for name in types for i in (1, 2)),
        "y_chromosome",
        "x_inactivation",
        "melanocyte",
        *CONTINUOUS,
        "normal",
        *(f"normal:{name}" for name in systems),
        *(f"phase_{wave}{k}" for k in range(1, N_HARMONICS + 1) for wave in ("cos", "sin")),
        *(f"batch:{i}" for i in range(1, N_BATCHES + 1)),
        *(f"state:{i}" for i in range(1, N_STATES + 1)),
    ]


def draw_latents(
    samples: pd.DataFrame,
    cohorts: pd.DataFrame,
    levels: pd.DataFrame,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Draw what is hidden in each sample: subtype, purity of its programmes, phase, losses.

    Parameters
    ----------
    samples
        Columns cancer_type, code (two digits of the barcode), sex.
    cohorts
        All cancer types of the world, indexed by acronym; columns systems, distinctness.
    levels
        See `Programmes`.

    Returns
    -------
    pandas.DataFrame
        One row per sample: strength of its type's programme, deviance (size of its states),
        kin (the type it leans towards, or its own), lean (0..0.9), subtype (0, 1, 2),
        y_lost, x_lost (0 or 1), melanocyte (0..1.4), proliferation, immune, stroma,
        metastasis (standard deviations), phase (radians, 0..2 pi).
    """
    n = len(samples)
    tumour = (samples["code"] != NORMAL_CODE).to_numpy()
    male = (samples["sex"] == "male").to_numpy()
    spread = metastatic(samples)
    level = levels.loc[samples["cancer_type"]].to_numpy()
    melanoma = samples["cancer_type"].isin(["SKCM", "UVM"]).to_numpy() & tumour
    weak = (samples["cancer_type"] == "SKCM").to_numpy() & (rng.random(n) < DEDIFFERENTIATED)
    pigment = np.where(weak, rng.uniform(0.3, 0.7, n), rng.normal(1.0, 0.12, n))
    kin, lean = _draw_kin(samples["cancer_type"], cohorts, rng)
    return pd.DataFrame(
        {
            "strength": rng.uniform(*STRENGTH, n),
            "deviance": np.exp(rng.normal(-(DEVIANCE_SPREAD**2), DEVIANCE_SPREAD, n)),
            "kin": kin,
            "lean": lean,
            "subtype": np.where(tumour, rng.choice(3, size=n, p=[0.5, 0.3, 0.2]), 0),
            "y_lost": (tumour & male & (rng.random(n) < Y_LOSS)).astype(int),
            "x_lost": (tumour & ~male & (rng.random(n) < X_LOSS)).astype(int),
            "melanocyte": np.where(melanoma, pigment, 0.0),
            "proliferation": np.where(tumour, level[:, 0], -1.5) + rng.normal(0, 0.7, n),
            "immune": level[:, 1] + 0.5 * spread + rng.normal(0, 1.0, n),
            "stroma": level[:, 2] + rng.normal(0, 1.0, n),
            "metastasis": np.where(spread, rng.normal(1.8, 0.5, n), rng.normal(0.0, 0.3, n)),
            "phase": rng.uniform(0, 2 * np.pi, n),
        },
        index=samples.index,
    )


def _draw_kin(
    types: pd.Series, cohorts: pd.DataFrame, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Choose which samples lean towards a related cancer type, and how far (0.2..0.9)."""
    systems = cohorts["systems"].str.split(",").map(set)
    kin = types.to_numpy(dtype=object).copy()
    lean = np.zeros(len(types))
    for acronym in cohorts.index:
        related = [name for name in cohorts.index if systems[name] & systems[acronym]]
        related.remove(acronym)
        members = np.flatnonzero(types == acronym)
        chance = LEANING + LEANING_OF_INDISTINCT * (1 - cohorts.loc[acronym, "distinctness"])
        leaning = members[rng.random(len(members)) < chance] if related else members[:0]
        kin[leaning] = rng.choice(related, len(leaning)) if related else acronym
        lean[leaning] = rng.uniform(0.2, 0.9, len(leaning))
    return kin, lean


def metastatic(samples: pd.DataFrame) -> np.ndarray:
    """Tell which samples come from a metastasis."""
    return samples["code"].isin(METASTATIC_CODES).to_numpy()


def draw_factors(
    samples: pd.DataFrame,
    latents: pd.DataFrame,
    cohorts: pd.DataFrame,
    rng: np.random.Generator,
) -> np.ndarray:
    """Turn samples and their hidden variables into factor values.

    Returns
    -------
    numpy.ndarray
        float32, samples x factors, columns as in `factor_names`.
    """
    names = factor_names(cohorts)
    column = {name: i for i, name in enumerate(names)}
    values = np.zeros((len(samples), len(names)), dtype=np.float32)
    normal = (samples["code"] == NORMAL_CODE).to_numpy()
    lean = latents["lean"].to_numpy()
    # A normal sample keeps the identity of its tissue better than that of the tumour.
    strength = latents["strength"].to_numpy() * np.where(normal, 0.7, 1.0)
    for acronym, cohort in cohorts.iterrows():
        rows = (samples["cancer_type"] == acronym).to_numpy()
        amount = rows * (1 - lean) + (latents["kin"] == acronym).to_numpy() * lean
        values[:, column[f"type:{acronym}"]] = amount * strength
        systems = cohort["systems"].split(",")
        for system in systems:
            values[:, column[f"system:{system}"]] += amount / np.sqrt(len(systems))
            values[rows & normal, column[f"normal:{system}"]] = 1 / np.sqrt(len(systems))
        for i in (1, 2):
            values[rows & (latents["subtype"] == i), column[f"subtype:{acronym}:{i}"]] = 1
    male = (samples["sex"] == "male").to_numpy()
    values[:, column["y_chromosome"]] = male * (1 - 0.9 * latents["y_lost"])
    values[:, column["x_inactivation"]] = ~male * (1 - 0.8 * latents["x_lost"])
    for name in ("melanocyte", *CONTINUOUS):
        values[:, column[name]] = latents[name]
    values[:, column["normal"]] = normal
    for k in range(1, N_HARMONICS + 1):
        values[:, column[f"phase_cos{k}"]] = np.cos(k * latents["phase"])
        values[:, column[f"phase_sin{k}"]] = np.sin(k * latents["phase"])
    first = column["batch:1"]
    values[:, first : first + N_BATCHES] = _plate_effects(samples["plate"], rng)
    first = column["state:1"]
    values[:, first:] = rng.standard_normal((len(samples), N_STATES))
    values[:, first:] *= latents["deviance"].to_numpy()[:, None]
    return values


def _plate_effects(plates: pd.Series, rng: np.random.Generator) -> np.ndarray:
    codes, names = pd.factorize(plates)
    return rng.standard_normal((len(names), N_BATCHES))[codes]


def phase_harmonics() -> np.ndarray:
    """Weights of the harmonics that make the bump of a phase gene.

    A sample has a phase on a circle, a gene peaks at its own phase and is off elsewhere
    (a von Mises bump, exp(kappa (cos(phase - peak) - 1))). One variable drives all these
    genes, yet every linear component mixes phases of both sides of the circle: principal
    components need about ten dimensions for it. The Fourier series of the bump makes it a
    sum over factors: 2 I_k(kappa) cos(k (phase - peak)) (Abramowitz and Stegun 9.6.34).
    """
    return 2 * ive(np.arange(1, N_HARMONICS + 1), PHASE_CONCENTRATION)


def draw_programmes(
    genes: pd.DataFrame,
    cohorts: pd.DataFrame,
    markers: pd.DataFrame,
    rng: np.random.Generator,
) -> Programmes:
    """Draw the loadings of every gene on every factor.

    Parameters
    ----------
    genes
        Columns symbol, mean, sd (log2), tumor_normal (log2 difference tumour - normal).
    cohorts
        Indexed by acronym; columns systems, distinctness and sizes (see resources/README.md).
    markers
        Columns gene, programme, cancer_types: genes planted in a programme.
    """
    planted = _planted(genes, markers, rng)
    groups = _group_loadings(genes, cohorts, rng)
    names = factor_names(cohorts)
    levels = _levels(cohorts, rng)
    factors, weights = _reference_factors(cohorts, levels, rng)
    share = _shares(genes, planted["share"])
    loadings = np.zeros((len(genes), len(names)), dtype=np.float32)
    for group, values in groups.items():
        columns = _columns_of(group, names)
        loadings[:, columns] += _to_share(values, factors[:, columns], weights, share[group])
    fixed = _marker_loadings(genes, planted, markers, names)
    loadings += _to_share(fixed, factors, weights, planted["share"].to_numpy())
    loadings[:, names.index("normal")] -= _published_difference(genes, planted)
    return Programmes(
        factors=names,
        loadings=loadings,
        residual=np.sqrt(share["residual"]).astype(np.float32),
        dispersion=_dispersion(genes, share["dispersion"]),
        markers=planted["programme"].to_numpy(),
        phase_peaks=planted["peak"].to_numpy(),
        levels=levels,
    )


def _planted(genes: pd.DataFrame, markers: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Name the programme of each marker gene, and choose the genes that follow the phase."""
    programme = genes["symbol"].map(markers.drop_duplicates("gene").set_index("gene")["programme"])
    programme = programme.fillna("").to_numpy(dtype=object)
    able = genes["mean"].between(6, 11) & genes["sd"].between(1.0, 2.5)
    able &= (programme == "") & ~genes["symbol"].isin(["?", "SLC35E2"])
    chosen = rng.choice(np.flatnonzero(able), N_PHASE_GENES, replace=False)
    programme[chosen] = "phase"
    peak = np.full(len(genes), np.nan)
    peak[chosen] = rng.permutation(2 * np.pi * np.arange(N_PHASE_GENES) / N_PHASE_GENES)
    share = np.array([MARKER_SHARES.get(name, 0.0) for name in programme])
    return pd.DataFrame({"programme": programme, "share": share, "peak": peak}, index=genes.index)


def _group_loadings(
    genes: pd.DataFrame, cohorts: pd.DataFrame, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draw raw loadings, group by group; their size is set later."""
    n = len(genes)
    systems = sorted({name for names in cohorts["systems"] for name in names.split(",")})
    own = _heavy(rng, (n, len(cohorts))) * cohorts["distinctness"].to_numpy()
    common = _heavy(rng, (n, len(systems)))
    # A few strong programmes and many weak ones, as in the spectrum of real tumours.
    decay = np.arange(1, N_STATES + 1) ** -0.65
    continuous = np.hstack(
        [1.2 * _heavy(rng, (n, len(CONTINUOUS))), 1.8 * rng.standard_normal((n, N_STATES)) * decay]
    )
    return {
        "type": np.hstack([own, common]),
        "subtype": _heavy(rng, (n, 2 * len(cohorts))),
        "continuous": continuous,
        "normal": rng.standard_normal((n, len(systems))),
        "batch": rng.standard_normal((n, N_BATCHES)),
    }


def _heavy(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw effects of which one in eight is four times as large: programmes have marker genes."""
    return rng.standard_normal(shape) * np.where(rng.random(shape) < 0.125, 4.0, 1.0)


def _columns_of(group: str, names: list[str]) -> list[int]:
    prefixes = {
        "type": ("type:", "system:"),
        "subtype": ("subtype:",),
        "continuous": (*CONTINUOUS, "state:"),
        "normal": ("normal:",),
        "batch": ("batch:",),
    }
    return [i for i, name in enumerate(names) if name.startswith(prefixes[group])]


def _levels(cohorts: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Draw how proliferative, inflamed and fibrous each cancer type is on average."""
    levels = rng.normal(0, 0.6, (len(cohorts), 3))
    levels[cohorts["systems"].str.contains("haematologic"), 1] += 1.5
    return pd.DataFrame(levels, index=cohorts.index, columns=["proliferation", "immune", "stroma"])


def reference_samples(cohorts: pd.DataFrame, per_type: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Describe the pan-cancer population against which genes are calibrated.

    Every cancer type has `per_type` samples, weighted by the size of its cohort, with normals,
    metastases and sexes in the proportions of the cohort.

    Returns
    -------
    samples, weights
        The columns that `draw_latents` and `draw_factors` need; weights sum to 1.
    """
    ranks = (np.arange(per_type) + 0.5) / per_type
    tables = []
    for acronym, cohort in cohorts.iterrows():
        normal = ranks < cohort["n_normal"] / cohort["n_samples"]
        spread = ranks > 1 - cohort["n_metastatic"] / cohort["n_samples"]
        # The golden ratio spreads the sexes over normals, primaries and metastases alike.
        female = (np.arange(per_type) * 0.6180339887 + 0.5) % 1 < cohort["female_fraction"]
        tables.append(
            pd.DataFrame(
                {
                    "cancer_type": acronym,
                    "code": np.select([normal, spread], [NORMAL_CODE, "06"], "01"),
                    "sex": np.where(female, "female", "male"),
                    "plate": [f"{acronym}{i // 10}" for i in range(per_type)],
                }
            )
        )
    weights = np.repeat(cohorts["n_samples"].to_numpy(), per_type) / per_type
    return pd.concat(tables, ignore_index=True), weights / weights.sum()


def _reference_factors(
    cohorts: pd.DataFrame, levels: pd.DataFrame, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    samples, weights = reference_samples(cohorts, per_type=50)
    latents = draw_latents(samples, cohorts, levels, rng)
    return draw_factors(samples, latents, cohorts, rng), weights


def _shares(genes: pd.DataFrame, planted: pd.Series) -> dict[str, np.ndarray]:
    """Split a gene's variance; variable genes owe more of it to the cancer type.

    Between-type shares in TCGA HiSeqV2 (60 random genes x 7,306 samples, cognoma/cancer-data):
    about 0.25 at a standard deviation of 0.5, 0.4 at 1.5 and 0.7 at 3.5.
    """
    rest = 1 - planted.to_numpy()
    of_type = np.clip(0.24 + 0.145 * genes["sd"].to_numpy(), 0.2, 0.75)
    shares = {name: rest * (1 - of_type) * share for name, share in SHARES.items()}
    shares["type"] = rest * of_type
    shares["dispersion"] = rest * (1 - of_type) * DISPERSION_SHARE
    return shares


def _to_share(
    loadings: np.ndarray, factors: np.ndarray, weights: np.ndarray, share: np.ndarray
) -> np.ndarray:
    """Scale each gene's loadings so that they explain `share` of a unit variance."""
    centred = factors - weights @ factors
    covariance = (centred * weights[:, None]).T @ centred
    variance = np.einsum("gk,kl,gl->g", loadings, covariance, loadings, optimize=True)
    scale = np.sqrt(np.divide(share, variance, out=np.zeros_like(variance), where=variance > 0))
    return loadings * scale[:, None]


def _marker_loadings(
    genes: pd.DataFrame, planted: pd.DataFrame, markers: pd.DataFrame, names: list[str]
) -> np.ndarray:
    """Put each marker gene on the factor of its programme."""
    loadings = np.zeros((len(genes), len(names)))
    types = genes["symbol"].map(markers.drop_duplicates("gene").set_index("gene")["cancer_types"])
    for row, (programme, where) in enumerate(zip(planted["programme"], types, strict=True)):
        if programme == "tissue":
            for acronym in where.split(","):
                loadings[row, names.index(f"type:{acronym}")] = 1
        elif programme == "phase":
            loadings[row, _phase_columns(names)] = _bump(planted["peak"].iloc[row])
        elif programme:
            loadings[row, names.index(programme)] = 1
    return loadings


def _phase_columns(names: list[str]) -> list[int]:
    return [i for i, name in enumerate(names) if name.startswith("phase_")]


def _bump(peak: float) -> np.ndarray:
    """Give the loadings of a gene that peaks at `peak`, in the order cos1, sin1, cos2, sin2 ..."""
    k = np.arange(1, N_HARMONICS + 1)
    waves = np.column_stack([np.cos(k * peak), np.sin(k * peak)])
    return (phase_harmonics()[:, None] * waves).ravel()


def _published_difference(genes: pd.DataFrame, planted: pd.DataFrame) -> np.ndarray:
    """Tumour minus normal in units of the gene's standard deviation; none for planted genes."""
    sd = genes["sd"].to_numpy()
    difference = np.divide(genes["tumor_normal"], sd, out=np.zeros(len(sd)), where=sd > 0)
    return np.where(planted["programme"] == "", np.clip(difference, -2, 2), 0.0)


def _dispersion(genes: pd.DataFrame, share: np.ndarray) -> np.ndarray:
    """Give rare transcripts more dispersion: their zeros are more frequent than means suggest."""
    rare = 1 + 3 * np.exp(-genes["mean"].to_numpy() / 2)
    return dispersion_for(share * rare * genes["sd"].to_numpy() ** 2)


def dispersion_for(variance: np.ndarray) -> np.ndarray:
    """Find the negative-binomial dispersion that gives this variance of log2 counts.

    The natural logarithm of a gamma variable of shape 1/d has the variance trigamma(1/d).
    Limited to 0.01 (technical replicates) .. 4.

    Parameters
    ----------
    variance
        Of the log2 values, at high counts.
    """
    grid = np.geomspace(0.01, 4.0, 400)
    return np.interp(variance, polygamma(1, 1 / grid) / np.log(2) ** 2, grid)
