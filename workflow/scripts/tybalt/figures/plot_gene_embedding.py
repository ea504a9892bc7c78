"""Map of the samples by the genes themselves: what the maps of the codes are compared with."""

from matplotlib.figure import Figure

from tybalt.figures.plot_embedding import draw_maps
from tybalt.figures.style import saves_figure


@saves_figure
def plot_gene_embedding(embedding: str, matrix: str, title: str, colours: str) -> Figure:
    """Draw the embedding of the scaled genes; arguments as for `plot_embedding`."""
    return draw_maps("Samples by their genes", embedding, matrix, title, colours)
