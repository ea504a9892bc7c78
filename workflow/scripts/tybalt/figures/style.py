"""One look for all figures, and the one place where a figure becomes files."""

import functools
import inspect
import math
import textwrap
from collections.abc import Callable, Iterable, Sequence

import matplotlib.style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.text import Annotation
from matplotlib.ticker import LogFormatterMathtext

#: Width and height in inches of a 16:9 slide. The same drawing set 183 mm wide, the double column
#: of a journal, is scaled by 0.54: its smallest text (`SMALL`) is then 5.4 points and most of it
#: 7 points, what journals ask for.
SLIDE = (40 / 3, 7.5)

#: Dots per inch of the PNG (2000 x 1125 on a slide) and of what is rasterised in the PDF.
PNG_DPI, PDF_DPI = 150, 300

#: Sizes of text in points on the slide.
SMALL, MEDIUM, LARGE = 10, 13, 17

#: Beyond this many points a scatter is an image inside the PDF, not that many shapes.
RASTERISE_ABOVE = 3000

#: Okabe and Ito's colours (https://jfly.uni-koeln.de/color/) that also show on white: told apart
#: by readers with any of the common colour vision deficiencies.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
PINK, SKY, AMBER, INK = "#CC79A7", "#56B4E9", "#E69F00", "#222222"

#: Letters of the size `SMALL` in an inch, about.
_LETTERS_PER_INCH = 12.5

#: What has no label, no part in the comparison or only stands in the background.
GREY, PALE = "#9A9A9A", "#E4E4E4"

STYLE = {
    "figure.dpi": PNG_DPI,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.titlesize": LARGE,
    "figure.titleweight": "bold",
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same shapes on every machine
    "font.size": MEDIUM,
    "axes.titlesize": MEDIUM,
    "axes.labelsize": MEDIUM,
    "xtick.labelsize": MEDIUM - 1,
    "ytick.labelsize": MEDIUM - 1,
    "legend.fontsize": MEDIUM - 1,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "axes.formatter.limits": (-4, 6),
    "grid.color": PALE,
    # Names of genes, samples and classes are text, whatever dollar signs they have.
    "text.parse_math": False,
    "pdf.fonttype": 42,  # text stays text, to be edited
    "svg.hashsalt": "tybalt",
}

#: Entries that hold a date or the version of a library.
_PNG_METADATA = {"Software": None}
_PDF_METADATA = {"CreationDate": None, "Producer": None, "Creator": None}


def saves_figure(draw: Callable[..., Figure]) -> Callable[..., None]:
    """Make the function of a rule from one that returns a Figure.

    The new function takes two more arguments, the output paths `png` and `pdf`, writes both and
    returns nothing. It draws in `STYLE` whatever the user's own matplotlib settings are, and the
    files hold neither dates nor versions: the same input gives the same bytes. The drawing
    function stays at hand as ``.__wrapped__``.
    """

    @functools.wraps(draw)
    def save(*args: object, png: str, pdf: str, **kwargs: object) -> None:
        with matplotlib.style.context(["default", STYLE]):
            figure = draw(*args, **kwargs)
            _show_powers(figure)
            figure.savefig(png, dpi=PNG_DPI, metadata=_PNG_METADATA)
            figure.set_layout_engine("none")  # settled: the PDF is the same drawing
            figure.savefig(pdf, dpi=PDF_DPI, metadata=_PDF_METADATA)

    own = inspect.signature(draw)
    outputs = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=str)
        for name in ("png", "pdf")
    ]
    save.__signature__ = inspect.Signature(
        [*own.parameters.values(), *outputs], return_annotation=None
    )
    save.__annotations__ = {**draw.__annotations__, "png": str, "pdf": str, "return": None}
    return save


def _show_powers(figure: Figure) -> None:
    """Let logarithmic axes show powers: matplotlib writes their tick labels as mathematics."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            for formatter, ticks in (
                (axis.get_major_formatter(), axis.get_major_ticks),
                (axis.get_minor_formatter(), axis.get_minor_ticks),
            ):
                if isinstance(formatter, LogFormatterMathtext):
                    formatter.format_ticks = _as_mathematics(formatter.format_ticks, ticks)


def _as_mathematics(format_ticks: Callable, ticks: Callable) -> Callable:
    """Mark the labels of ticks just before they are written, when all of them are there."""

    def format_marked(locations: Sequence[float]) -> list[str]:
        for tick in ticks(len(locations)):
            tick.label1.set_parse_math(True)
            tick.label2.set_parse_math(True)
        return format_ticks(locations)

    return format_marked


def new_figure(heading: str, title: str, size: tuple[float, float] = SLIDE) -> Figure:
    """Open an empty figure (Agg, without pyplot's global state) with its heading at the left.

    Parameters
    ----------
    heading
        What is drawn.
    title
        Whose it is (dataset, model, tuner); stands small below the heading.
    size
        Width and height in inches.
    """
    figure = Figure(figsize=size, layout="constrained")
    room = figure.suptitle(f"{heading}\n ", x=0.01, ha="left")  # an empty line for the title
    below = Annotation(
        title, xy=(0, 0), xycoords=room, va="bottom", fontsize=MEDIUM, color="#555555"
    )
    below.set_in_layout(False)
    figure.add_artist(below)
    return figure


def add_note(figure: Figure, text: str) -> None:
    """Write small lines below the figure: what was left out, thinned or clipped."""
    lines = textwrap.fill(text, int(figure.get_figwidth() * _LETTERS_PER_INCH))
    figure.supxlabel(lines, fontsize=SMALL, color="#555555", x=0.01, ha="left")


class Heading(Patch):
    """A heading among the handles of a legend: the name of one of our columns, in bold."""

    def __init__(self, name: str):
        super().__init__(alpha=0, label=f"$\\bf{{{name.replace(' ', '~')}}}$")


def legend_beside(
    figure: Figure, handles: Iterable[Artist], title: str | None = None, rows: int = 26
) -> None:
    """Put a complete legend at the right of the figure, in as many columns as `rows` asks for."""
    handles = list(handles)
    columns = -(-len(handles) // rows)
    legend = figure.legend(
        handles=handles,
        labels=["label"] * len(handles),  # a label that begins with _ would be left out
        title=title,
        loc="outside right upper",
        ncols=columns,
        fontsize=MEDIUM - 1 if columns <= 2 else SMALL - 1,
        handletextpad=0.3,
        columnspacing=0.8,
        labelspacing=0.35,
        borderaxespad=0.2,
        alignment="left",
    )
    legend.get_title().set_fontweight("bold")
    for text, handle in zip(legend.get_texts(), handles, strict=True):
        text.set(text=handle.get_label(), parse_math=isinstance(handle, Heading))


def say_instead(figure: Figure, message: str) -> None:
    """Fill a figure that has nothing to show with the reason."""
    figure.text(0.5, 0.5, textwrap.fill(message, 70), ha="center", va="center", color=INK)


def readable(name: str) -> str:
    """Turn a column's name into words: ``validation_mse`` becomes ``validation MSE``."""
    capitals = {"mse", "kl", "l1", "l2", "auroc", "bce", "knn", "elbo", "pca", "nmf", "vae", "id"}
    return " ".join(word.upper() if word in capitals else word for word in name.split("_"))


def best_grid(panels: int) -> tuple[int, int]:
    """Return rows and columns for small multiples on a slide: few empty places, wider than high."""
    shapes = [(-(-panels // columns), columns) for columns in range(1, 6)]
    fitting = [(rows, columns) for rows, columns in shapes if rows <= 4] or shapes[-1:]
    return min(
        fitting, key=lambda shape: (math.prod(shape) - panels) + abs(shape[1] - shape[0] - 1)
    )


def hide_ticks(axes: Axes) -> None:
    """Take away numbers that mean nothing, such as the coordinates of t-SNE."""
    axes.set(xticks=[], yticks=[])
