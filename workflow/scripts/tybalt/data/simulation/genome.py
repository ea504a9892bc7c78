"""Simulated mutations (Xena long form) and copy number (GISTIC, thresholded by gene)."""

import zlib
from collections.abc import Iterator

import numpy as np
import pandas as pd

from tybalt.data.simulation.patients import is_tumour
from tybalt.data.simulation.text_tables import GzipText, cell_table, encode_rows, write_rows

MUTATION_COLUMNS = (
    "#sample",
    "chr",
    "start",
    "end",
    "reference",
    "alt",
    "gene",
    "effect",
    "DNA_VAF",
    "Amino_Acid_Change",
)
#: Effects of mutations that count, with their shares (PANCAN_mutation, rounded).
_COUNTED = {
    "Missense_Mutation": 0.84,
    "Nonsense_Mutation": 0.065,
    "Frame_Shift_Del": 0.035,
    "Splice_Site": 0.025,
    "Frame_Shift_Ins": 0.014,
    "In_Frame_Del": 0.008,
    "RNA": 0.008,
    "In_Frame_Ins": 0.002,
    "Nonstop_Mutation": 0.0015,
    "Translation_Start_Site": 0.0015,
}
#: Effects of rows that do not count, per counted mutation.
_NOT_COUNTED = {"Silent": 0.36, "Intron": 0.02, "3'UTR": 0.03, "5'UTR": 0.01}
#: Genes hit often because they are long (Lawrence et al. 2013, doi:10.1038/nature12213).
_LONG_GENES = ("TTN", "MUC16", "OBSCN", "SYNE1", "RYR2", "LRP1B", "CSMD3", "PCLO", "FLG", "DNAH5")
_SAMPLES_PER_CHUNK = 400

#: Arms and their length in megabases (hg19, rounded); short arms without genes are left out.
ARMS = {
    "1p": 125, "1q": 124, "2p": 93, "2q": 150, "3p": 91, "3q": 107, "4p": 50, "4q": 141,
    "5p": 48, "5q": 133, "6p": 61, "6q": 110, "7p": 60, "7q": 99, "8p": 46, "8q": 101,
    "9p": 49, "9q": 92, "10p": 40, "10q": 95, "11p": 54, "11q": 81, "12p": 36, "12q": 98,
    "13q": 97, "14q": 90, "15q": 84, "16p": 37, "16q": 54, "17p": 24, "17q": 57, "18p": 17,
    "18q": 61, "19p": 27, "19q": 32, "20p": 28, "20q": 35, "21q": 35, "22q": 37,
}  # fmt: skip
_BACKGROUND_ARM = 0.3  # chance that an arm without a listed event is gained or lost
_FOCAL_EVENTS = 12  # per sample, on average
_SAMPLED = 0.97  # share of tumours with copy number


def place_genes(symbols: np.ndarray, events: pd.DataFrame) -> pd.DataFrame:
    """Give each gene an arm and a position on it.

    Genes named in `events` are on their true arm. The others are placed by a checksum of their
    name: invented, but the same in every cohort.

    Returns
    -------
    pandas.DataFrame
        Columns symbol, arm, position (0..1 along the arm), in the order of `symbols`.
    """
    known = events.loc[events["gene"] != ""].drop_duplicates("gene").set_index("gene")["arm"]
    names, lengths = np.array(list(ARMS)), np.array(list(ARMS.values()))
    checksum = np.array([zlib.crc32(symbol.encode()) for symbol in symbols], dtype=np.int64)
    ends = np.cumsum(lengths) / lengths.sum()
    arm = names[np.searchsorted(ends, (checksum & 0xFFFF) / 65536, side="right")]
    listed = pd.Series(symbols).map(known)
    return pd.DataFrame(
        {
            "symbol": symbols,
            "arm": np.where(listed.isna(), arm, listed),
            "position": (checksum >> 16) / 65536,
        }
    )


def write_mutations(
    path: str,
    samples: pd.DataFrame,
    cohorts: pd.DataFrame,
    drivers: pd.DataFrame,
    places: pd.DataFrame,
    rng: np.random.Generator,
) -> int:
    """Write one row per mutation and return the number of rows.

    A tumour has about 10^N(median, sd) mutations that count (of its cohort), its drivers among
    them, and silent and intronic rows beside them.
    """
    carriers = samples[is_tumour(samples)]
    share = cohorts.loc[carriers["cancer_type"], "mutation_fraction"].to_numpy()
    carriers = carriers[rng.random(len(carriers)) < share]
    chances = _gene_chances(places, rng)
    written = 0
    with GzipText(path) as file:
        file.write(("\t".join(MUTATION_COLUMNS) + "\n").encode())
        for start in range(0, len(carriers), _SAMPLES_PER_CHUNK):
            chunk = carriers.iloc[start : start + _SAMPLES_PER_CHUNK]
            table = _mutations_of(chunk, cohorts, drivers, places, chances, rng)
            file.write(table.to_csv(sep="\t", header=False, index=False).encode())
            written += len(table)
    return written


def _gene_chances(places: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Cumulative chance of each gene to be hit; as skewed as coding lengths are."""
    length = np.exp(rng.normal(0, 0.8, len(places)))
    length[places["symbol"].isin(_LONG_GENES)] *= 15
    return np.cumsum(length) / length.sum()


def _mutations_of(samples, cohorts, drivers, places, chances, rng) -> pd.DataFrame:
    cohort = cohorts.loc[samples["cancer_type"]]
    burden = 10 ** rng.normal(cohort["log10_mutations_median"], cohort["log10_mutations_sd"])
    of_driver, driver_rows = _draw_drivers(samples, drivers, places, rng)
    passengers = np.maximum(
        np.rint(burden).astype(int) - np.bincount(of_driver, minlength=len(samples)), 1
    )
    silent = rng.poisson(sum(_NOT_COUNTED.values()) * burden)
    who = np.concatenate(
        [of_driver, *(np.repeat(np.arange(len(samples)), n) for n in (passengers, silent))]
    )
    genes = np.concatenate(
        [driver_rows, np.searchsorted(chances, rng.random(passengers.sum() + silent.sum()))]
    )
    effect = np.concatenate(
        [
            _pick(_COUNTED, len(of_driver) + passengers.sum(), rng),
            _pick(_NOT_COUNTED, silent.sum(), rng),
        ]
    )
    order = np.lexsort((genes, who))
    who, genes, effect = who[order], genes[order], effect[order]
    return _rows_of(samples.index.to_numpy()[who], places.iloc[genes], effect, rng)


def _draw_drivers(samples, drivers, places, rng) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the sample and of the gene of each driver mutation."""
    row_of = pd.Series(np.arange(len(places)), index=places["symbol"])
    who, rows = [], []
    for acronym, of_type in drivers[drivers["gene"].isin(row_of.index)].groupby("cancer_type"):
        members = np.flatnonzero(samples["cancer_type"] == acronym)
        hit = rng.random((len(members), len(of_type))) < of_type["fraction"].to_numpy()
        sample, gene = np.nonzero(hit)
        who.append(members[sample])
        rows.append(row_of[of_type["gene"]].to_numpy()[gene])
    if not who:
        return np.zeros(0, dtype=int), np.zeros(0, dtype=int)
    return np.concatenate(who), np.concatenate(rows)


def _rows_of(samples, places, effect, rng) -> pd.DataFrame:
    n = len(samples)
    bases = np.array(list("ACGT"))
    first = rng.integers(0, 4, n)
    other = (first + rng.integers(1, 4, n)) % 4
    length = places["arm"].map(ARMS).to_numpy() * 1_000_000
    start = (places["position"].to_numpy() * length).astype(int) + rng.integers(1, 50_000, n)
    deleted, inserted = np.char.endswith(effect, "Del"), np.char.endswith(effect, "Ins")
    residues = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
    place = np.char.mod("%d", rng.integers(2, 900, n))
    before = residues[rng.integers(0, 20, n)]
    after = np.where(effect == "Silent", before, residues[rng.integers(0, 20, n)])
    change = np.char.add(np.char.add(np.char.add("p.", before), place), after)
    coding = np.isin(effect, ["Silent", "Missense_Mutation", "Nonsense_Mutation"])
    return pd.DataFrame(
        {
            "#sample": samples,
            "chr": "chr" + places["arm"].str[:-1].to_numpy(),
            "start": start,
            "end": start,
            "reference": np.where(inserted, "-", bases[first]),
            "alt": np.where(deleted, "-", bases[other]),
            "gene": places["symbol"].to_numpy(),
            "effect": effect,
            "DNA_VAF": np.char.mod("%.3f", rng.beta(4, 8, n)),
            "Amino_Acid_Change": np.where(coding, change, ""),
        }
    )


def _pick(chances: dict[str, float], n: int, rng: np.random.Generator) -> np.ndarray:
    share = np.array(list(chances.values()))
    return np.array(list(chances))[rng.choice(len(share), size=n, p=share / share.sum())]


def write_copy_number(
    path: str,
    samples: pd.DataFrame,
    events: pd.DataFrame,
    places: pd.DataFrame,
    rng: np.random.Generator,
) -> int:
    """Write genes x tumours, whole numbers -2 .. 2, and return the number of tumours."""
    tumours = samples[is_tumour(samples)]
    tumours = tumours[rng.random(len(tumours)) < _SAMPLED]
    states = draw_copy_number(tumours, events, places, rng)
    table = cell_table(str(change) for change in range(-2, 3))
    write_rows(path, "Sample", tumours.index, _copy_number_blocks(places, states, table))
    return len(tumours)


def _copy_number_blocks(places, states, table) -> Iterator[bytes]:
    for start in range(0, len(places), 512):
        codes = states[:, start : start + 512].T + 2
        yield encode_rows(places["symbol"].iloc[start : start + 512], codes, table)


def draw_copy_number(
    tumours: pd.DataFrame, events: pd.DataFrame, places: pd.DataFrame, rng: np.random.Generator
) -> np.ndarray:
    """Draw events of whole arms, of the listed genes, and of short segments anywhere.

    Returns
    -------
    numpy.ndarray
        int8, tumours x genes, -2 .. 2, columns in the order of `places`.
    """
    order = places.sort_values(["arm", "position", "symbol"]).index.to_numpy()
    sorted_arms = places["arm"].to_numpy()[order]
    instability = rng.gamma(2.0, 0.5, len(tumours)).clip(0.05, 2.5)
    arms = _draw_arms(tumours, events, instability, rng)
    codes = np.searchsorted(np.array(sorted(ARMS)), sorted_arms)
    states = arms[:, codes]
    _add_segments(states, instability, rng)
    _add_focal(states, tumours, events, places["symbol"].to_numpy()[order], rng)
    unsorted = np.empty_like(order)
    unsorted[order] = np.arange(len(order))
    return np.clip(states, -2, 2)[:, unsorted]


def _draw_arms(tumours, events, instability, rng) -> np.ndarray:
    """int8, tumours x arms in alphabetical order."""
    names = sorted(ARMS)
    chance = np.minimum(_BACKGROUND_ARM * instability, 0.6)[:, None]
    changed = rng.random((len(tumours), len(names))) < chance
    arms = np.where(changed, rng.choice([-1, 1], size=changed.shape), 0).astype(np.int8)
    whole = events[events["gene"] == ""]
    for event in whole.itertuples():
        members = np.flatnonzero(tumours["cancer_type"] == event.cancer_type)
        hit = members[rng.random(len(members)) < event.fraction]
        arms[hit, names.index(event.arm)] = event.change
    strong = rng.random(arms.shape) < 0.03
    return np.where(strong, 2 * arms, arms).astype(np.int8)


def _add_segments(states, instability, rng) -> None:
    n_genes = states.shape[1]
    counts = rng.poisson(_FOCAL_EVENTS * instability)
    who = np.repeat(np.arange(len(states)), counts)
    length = np.maximum(rng.pareto(1.2, len(who)) * n_genes / 4000, 1).astype(int)
    length = np.minimum(length, n_genes // 40 + 1)
    start = rng.integers(0, n_genes, len(who))
    change = rng.choice([-2, -1, 1, 2], size=len(who), p=[0.06, 0.46, 0.4, 0.08]).astype(np.int8)
    for sample, first, n, delta in zip(who, start, length, change, strict=True):
        states[sample, first : first + n] += delta


def _add_focal(states, tumours, events, symbols, rng) -> None:
    """Amplify or delete the listed genes with a few neighbours."""
    row_of = {symbol: i for i, symbol in enumerate(symbols)}
    reach = max(len(symbols) // 2000, 1)
    for event in events[events["gene"].isin(row_of)].itertuples():
        members = np.flatnonzero(tumours["cancer_type"] == event.cancer_type)
        hit = members[rng.random(len(members)) < event.fraction]
        centre = row_of[event.gene]
        states[hit, max(centre - reach, 0) : centre + reach + 1] = event.change
