"""Time the preprocessing against a plain-pandas version of the published steps.

    python benchmarks/preprocess.py            the full size, 20,530 genes x 10,459 samples
    python benchmarks/preprocess.py --small    a minute

Both run on the same file, each in a process of its own, imports included, and must give the same
genes and values. The last line is JSON. Peak memory is the resident set of the process.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
FULL_SIZE = (20_530, 10_459)
SMALL_SIZE = (4_000, 1_000)
GENES_KEPT = {FULL_SIZE: 5_000, SMALL_SIZE: 1_000}
LARGEST_VALUE = 20  # log2(count + 1)


def main() -> None:
    """Generate a matrix, time both ways, print the table and the line of JSON."""
    options = parse_options()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        size = SMALL_SIZE if options.small else FULL_SIZE
        expression = options.expression or generate_matrix(Path(directory), *size)
        clinical = write_clinical(expression, Path(directory))
        count = options.genes or GENES_KEPT[size]
        ways = {
            way: run_apart(way, expression, clinical, count, options.threads, Path(directory))
            for way in ("reference", "ours")
        }
        difference = compare(Path(directory))
    print_table(ways, difference)
    reference, ours = ways["reference"], ways["ours"]
    print(
        json.dumps(
            {
                "reference_s": round(reference["seconds"], 2),
                "ours_s": round(ours["seconds"], 2),
                "ratio": round(reference["seconds"] / ours["seconds"], 1),
                "peak_gib": round(ours["peak_gib"], 2),
                "reference_peak_gib": round(reference["peak_gib"], 2),
            }
        )
    )


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--small", action="store_true", help="4,000 genes x 1,000 samples")
    parser.add_argument("--expression", help="a raw matrix to use instead of a generated one")
    parser.add_argument("--genes", type=int, help="how many genes to keep")
    parser.add_argument("--threads", type=int, default=2, help="that parse")
    parser.add_argument("--directory", help="for the temporary files (full size: 2.5 GB)")
    return parser.parse_args()


def generate_matrix(directory: Path, n_genes: int, n_samples: int) -> str:
    """Write a gzipped raw matrix with the texture of the real one: 0 and x.xxxx, rows per gene."""
    import numpy as np
    from isal import igzip

    rng = np.random.default_rng(0)
    cells = np.array([b"0"] + [b"%.4f" % (i / 1e4) for i in range(1, LARGEST_VALUE * 10_000 + 1)])
    cells = cells.astype(object)
    samples = sorted(f"TCGA-{i // 10_000:02d}-{i % 10_000:04d}-01" for i in range(n_samples))
    path = str(directory / "HiSeqV2.gz")
    with igzip.open(path, "wb", compresslevel=1) as file:
        file.write("\t".join(["sample", *samples]).encode() + b"\n")
        for gene in range(n_genes):
            mean, sd = rng.uniform(-2, 14), rng.uniform(0.3, 3)
            values = rng.normal(mean, sd, n_samples).clip(0, LARGEST_VALUE)
            row = cells[(values * 10_000).astype(int)].tolist()
            file.write(b"\t".join([f"GENE{gene}|{gene}".encode(), *row]) + b"\n")
    return path


def write_clinical(expression: str, directory: Path) -> str:
    """Write a clinical table for the samples of a raw matrix."""
    sys.path.insert(0, str(SCRIPTS))
    from tybalt.data.readers.raw_matrix import read_header

    rows = [f"{sample}\tTYPE{i % 33}" for i, sample in enumerate(read_header(expression))]
    path = directory / "clinical.tsv"
    path.write_text("\n".join(["sample\tcancer_type", *rows]) + "\n")
    return str(path)


def run_apart(way: str, expression: str, clinical: str, count: int, threads: int, folder: Path):
    """Run one way in a process of its own; return its seconds, CPU seconds and peak memory."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import json, preprocess\n"
        f"print(json.dumps(preprocess.run_{way}"
        f"({expression!r}, {clinical!r}, {count}, {threads}, {str(folder)!r})))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    seconds = json.loads(process.stdout.read() or "null")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{way} failed")
    cpu = usage.ru_utime + usage.ru_stime
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_gib": usage.ru_maxrss / 2**20}


def run_reference(expression: str, clinical: str, count: int, threads: int, folder: str) -> float:
    """Follow the published steps in plain pandas (the z-score file left out); return seconds.

    Source: greenelab/tybalt, scripts/process_data (2017); `mad` is spelled out, pandas dropped it.
    """
    start = time.perf_counter()
    import pandas as pd

    table = pd.read_table(expression, index_col=0)
    table.index = table.index.map(lambda name: name.split("|")[0])
    table.columns = table.columns.str.slice(start=0, stop=15)
    table = table[table.index != "?"].fillna(0).sort_index(axis=1)
    table = table[~table.index.duplicated(keep=False)].T
    deviation = (table - table.mean()).abs().mean()
    chosen = deviation.sort_values(ascending=False, kind="stable").index[:count]
    table = table[chosen]
    scaled = (table - table.min()) / (table.max() - table.min())
    scaled.to_csv(Path(folder) / "reference.tsv.gz", sep="\t", compression="gzip")
    seconds = time.perf_counter() - start
    scaled.astype("float32").to_pickle(Path(folder) / "reference.pickle")
    return seconds


def run_ours(expression: str, clinical: str, count: int, threads: int, folder: str) -> float:
    """Run the workflow's function in the published variant; return seconds."""
    start = time.perf_counter()
    sys.path.insert(0, str(SCRIPTS))
    from tybalt.data.preprocess import preprocess_expression

    preprocess_expression(
        expression,
        clinical,
        str(Path(folder) / "ours.h5ad"),
        str(Path(folder) / "samples.tsv"),
        {
            "blocks": {
                "expression": {
                    "features": {
                        "count": count,
                        "rank_by": "mean_absolute_deviation",
                        "rank_on": "all",
                        "duplicates": "drop",
                        "missing": "zero",
                    },
                    "scaling": {"method": "zero_one", "fit_on": "all"},
                    "prefix": "",
                }
            },
            "rows": "all",
            "split": {"method": "tybalt"},
            "clinical": {
                "columns": {"sample": "sample", "cancer_type": "cancer_type"},
                "barcodes": "tcga",
            },
            "minimum_overlap": 0.5,
            "roles": {"group": "patient", "label": "cancer_type", "strata": []},
        },
        seed=1,
        threads=threads,
    )
    return time.perf_counter() - start


def compare(folder: Path) -> float:
    """Return the largest difference of the two results; fail if genes or samples differ."""
    import pandas as pd

    from tybalt.data.matrix import read_obs, read_values, read_var

    ours, expected = str(folder / "ours.h5ad"), pd.read_pickle(folder / "reference.pickle")
    if list(read_var(ours).index) != list(expected.columns):
        raise SystemExit("the two ways chose other genes")
    if list(read_obs(ours).index) != list(expected.index):
        raise SystemExit("the two ways have other samples")
    return float(abs(read_values(ours) - expected.to_numpy()).max())


def print_table(ways: dict, difference: float) -> None:
    """Print the times and peaks side by side; on a busy machine CPU seconds compare better."""
    print(f"{'way':<12}{'seconds':>10}{'CPU s':>10}{'peak GiB':>10}")
    for way, figures in ways.items():
        numbers = (figures[name] for name in ("seconds", "cpu_seconds", "peak_gib"))
        print(f"{way:<12}" + "".join(f"{number:>10.2f}" for number in numbers))
    print(f"same genes in the same order; largest difference of a value {difference:.2g}")


if __name__ == "__main__":
    main()
