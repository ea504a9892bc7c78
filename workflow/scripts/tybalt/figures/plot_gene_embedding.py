"""The samples by the genes themselves, with which the embeddings of codes are compared."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from tybalt.data.samples import read_samples
from tybalt.figures.plot_embedding import draw_maps
from tybalt.figures.style import saves_figure

FIGURE_OF = "dataset"
NEEDS = ("explain", "cohort", "label")


@saves_figure
def plot_gene_embedding(
    embedding: str, samples: str, colours: str, roles: Mapping[str, Any], title: str
) -> Figure:
    """Draw the embedding of the scaled genes; arguments as for `plot_embedding`."""
    known = read_samples(samples, roles)
    return draw_maps("Samples by their genes", embedding, known, colours, title)
