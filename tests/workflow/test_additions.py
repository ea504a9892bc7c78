"""What adding costs: each addition is made in a copy, planned or run, and its files are counted."""

import filecmp
import subprocess
import sys

import pytest
from conftest import ROOT

#: A figure: its module, a script of four lines, a rule and a caption.
FIGURE = {
    "workflow/scripts/tybalt/figures/plot_sizes.py": '''"""How many samples each part has."""

from matplotlib.figure import Figure

from tybalt.figures.style import new_figure, saves_figure
from tybalt.jobs.files import read_table

FIGURE_OF = "dataset"
NEEDS = ("cohort",)


@saves_figure
def plot_sizes(samples: str, title: str) -> Figure:
    """Draw the number of samples of each part."""
    counts = read_table(samples)["split"].value_counts()
    figure = new_figure("Samples of each part", title)
    figure.subplots().bar(counts.index, counts)
    return figure
''',
    "workflow/scripts/plot_sizes.py": '''"""Draw how many samples each part has."""

from tybalt.figures.plot_sizes import plot_sizes
from tybalt.jobs.adapter import run

run(plot_sizes, snakemake)
''',
    "workflow/report/plot_sizes.rst": "Samples of each part.\n",
    "+workflow/rules/figures.smk": '''

use rule draw_dataset as plot_sizes with:
    """Draw how many samples each part has."""
    input:
        samples=f"{DATASET}/samples.tsv",
    output:
        **figure("plot_sizes", "0 Models compared", "sizes"),
    log:
        log_of("plot_sizes", DATASET),
    params:
        **drawing("plot_sizes", title="{dataset}"),
''',
}

#: A kind with a raw format and a simulator of its own: its file, and its block of the schema.
KIND = {
    "workflow/scripts/tybalt/data/kinds/plates.py": '''"""Kind `plates`: wells."""

BLOCK = "plates"
COLUMNS = None
FACTS = ("few features",)
SEED = "plates"
READS = ("plates", "split", "roles")
SIMULATES = ("plates",)
RESOURCES = ()
RAW = {"wells": "wells.txt"}


def complete(where, entry, sources):
    """Fill in what is known of the wells."""
    return {**entry, "columns": ["well"], "roles": {"group": "well", "label": None, "strata": []}}


def raw_files(name, entry, places):
    """Say where the simulated wells lie."""
    return {"wells": f"{places.results}/{name}/raw/wells.txt"}


def simulate(tables, settings, seed, wells):
    """Write one line of values for each well."""
    import numpy as np

    rng = np.random.default_rng(seed)
    np.savetxt(wells, rng.random((settings["plates"]["wells"], 3)))


def read(settings, seed, wells, matrix, samples):
    """Read the wells, split and write them."""
    import numpy as np
    import pandas as pd

    from tybalt.data.matrix import write_matrix
    from tybalt.data.samples import write_samples
    from tybalt.data.scaling import gene_statistics
    from tybalt.data.split import split_samples

    X = np.loadtxt(wells, dtype=np.float32)
    names = pd.Index([f"w{i:03d}" for i in range(len(X))], name="sample")
    obs = pd.DataFrame({"well": names.to_numpy()}, index=names)
    obs["split"] = split_samples(obs, settings["split"], settings["roles"], seed)
    var = gene_statistics(X.T).assign(offset=0.0, scale=1.0)
    var.index = pd.Index(["a", "b", "c"], name="gene")
    notes = {"scaling": "none", "clipped_share": 0.0, "counts": {"chosen_genes": 3}}
    write_matrix(matrix, X, obs, var, notes)
    write_samples(obs, samples)
''',
}
BLOCK = """      plates:
        description: Wells of plates (kind `plates`).
        type: object
        additionalProperties: false
        required: [wells]
        properties:
          wells: {description: Number of wells., type: integer}
"""
PLATES = {
    "datasets": {"small": {"kind": "plates", "plates": {"wells": 60}}},
    "models": {"parts": {"module": "pca", "fixed": {"latent_dim": 2}}},
    "experiments": [{"datasets": ["small"], "models": ["parts"]}],
}


def add(workflow, files: dict[str, str]) -> None:
    """Write files into a copy; a name with a plus before it is added to."""
    for name, text in files.items():
        path = workflow.path(name.removeprefix("+"))
        before = path.read_text() if name.startswith("+") else ""
        path.write_text(before + text)


def touched(workflow) -> list[str]:
    """List the files of a copy that differ from the original, results and configs left out."""
    found = []
    for path in workflow.folder.rglob("*"):
        name = path.relative_to(workflow.folder)
        skipped = {"results", ".snakemake", "__pycache__", "config", ".cache"} & set(name.parts)
        if path.is_file() and not skipped:
            original = ROOT / name
            if not original.exists() or not filecmp.cmp(path, original, shallow=False):
                found.append(str(name))
    return sorted(found)


@pytest.mark.slow
def test_a_figure_is_four_files(workflow):
    add(workflow, FIGURE)
    assert len(touched(workflow)) == 4
    assert workflow.planned("figures")["plot_sizes"] == 1
    assert workflow.planned()["plot_sizes"] == 1, "rule all asks for it"
    workflow.snakemake("--", "results/tiny/figures/sizes.png")
    assert workflow.path("results/tiny/figures/sizes.png").stat().st_size > 1000


@pytest.mark.slow
def test_a_kind_of_dataset_is_two_files_and_its_test(workflow):
    add(workflow, KIND)
    schema = workflow.path("workflow/schemas/config.schema.yaml")
    text = schema.read_text().replace(
        "[simulated, local, xena, logic-genes]", "[simulated, local, xena, logic-genes, plates]"
    )
    schema.write_text(text.replace("      files:\n", f"{BLOCK}      files:\n", 1))
    assert len(touched(workflow)) == 2
    workflow.configure(PLATES)
    counts = workflow.planned()
    assert counts["simulate_dataset_plates"] == counts["read_dataset"] == counts["fit_model"] == 1
    workflow.snakemake("--", "results/small/parts/none/figures/agreement.png")


@pytest.mark.slow
def test_a_model_is_one_file_and_an_entry_of_the_config(workflow):
    text = (ROOT / "workflow/scripts/tybalt/models/pca.py").read_text()
    add(workflow, {"workflow/scripts/tybalt/models/other_parts.py": text})
    assert touched(workflow) == ["workflow/scripts/tybalt/models/other_parts.py"]
    workflow.configure(
        {
            "models": {"other": {"module": "other_parts"}},
            "experiments": [{"datasets": ["tiny"], "models": ["other"]}],
        },
        "other.yaml",
    )
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules"]
    overlays = ["--configfile", "config/tiny.yaml", "config/other.yaml"]
    done = subprocess.run(
        [*command, *overlays], cwd=workflow.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "fit_model" in done.stdout + done.stderr
