"""What every embedding preserves of the samples' neighbours and labels."""

from matplotlib.figure import Figure

from tybalt.analysis.embedding_quality import FEW, MANY, NEIGHBOURS, read_embedding_quality
from tybalt.figures.shares import draw_shares
from tybalt.figures.style import SMALL, add_note, new_figure, saves_figure, say_instead
from tybalt.plan.names import in_words, plural

FIGURE_OF = "dataset"
NEEDS = ("explain", "cohort", "label")

#: Column of the table -> heading.
MEASURES = {
    f"kept_{FEW}": f"{FEW} nearest kept",
    f"kept_{MANY}": f"{MANY} nearest kept",
    "trustworthiness": "trustworthiness",
    "label_accuracy": "label by neighbours",
}


@saves_figure
def plot_embedding_quality(
    embedding_quality: str, embedding_purity: str, label: str, title: str
) -> Figure:
    """Draw what every embedding preserves, and how pure the surroundings of each label are.

    Parameters
    ----------
    embedding_quality, embedding_purity
        Outputs of `tybalt.analysis.embedding_quality.measure_embeddings`.
    label
        The column whose values are the labels.
    title
        Whose embeddings they are.
    """
    table, purity = (read_embedding_quality(path) for path in (embedding_quality, embedding_purity))
    figure = new_figure("Neighbours preserved by each embedding", title)
    if table.empty:
        say_instead(figure, "There is no embedding: every code is constant.")
        return figure
    labels = purity.pivot(index="name", columns="label", values="purity").reindex(table["name"])
    widths = [len(MEASURES), max(labels.shape[1], len(MEASURES))]
    panels = figure.subplots(1, 2, sharey=True, width_ratios=widths)
    measures = table.set_index("name")[list(MEASURES)].rename(columns=MEASURES)
    image = draw_shares(panels[0], measures, "all samples")
    if labels.empty:
        panels[1].remove()
    else:
        draw_shares(panels[1], labels, f"own {in_words(label)} nearby")
    panels[0].set_yticks(range(len(table)), table["name"], fontsize=SMALL)
    figure.colorbar(image, ax=figure.axes, shrink=0.6, pad=0.01)
    add_note(
        figure,
        "Neighbours are compared with those among the genes (their principal components) or the "
        "features of the code that are embedded. Trustworthiness: 1 if no sample that is near in "
        f"the embedding is far in them. Label by neighbours: vote of the {NEIGHBOURS} nearest, "
        f"mean over {plural(in_words(label))} of the share that is right. Own {in_words(label)} "
        f"nearby: share of the {FEW} nearest in the embedding that have it.",
    )
    return figure
