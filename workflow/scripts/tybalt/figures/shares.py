"""Tables of shares drawn as shades with their numbers."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from tybalt.figures.style import MEDIUM, SMALL

#: Above this share the shade is bright, and the number on it black.
_BRIGHT = 0.6


def draw_shares(axes: Axes, values: pd.DataFrame, heading: str) -> object:
    """Draw a table of shares (0..1; others are shaded as the nearest of them); return the image.

    Parameters
    ----------
    values
        Rows x columns; NaN stays empty.
    heading
        Above the table.
    """
    image = axes.imshow(values.clip(0, 1), cmap="cividis", vmin=0, vmax=1, aspect="auto")
    axes.set_title(heading)
    axes.set_xticks(range(values.shape[1]), values.columns, rotation=60, ha="right", fontsize=SMALL)
    size = MEDIUM - 2 if values.shape[1] <= 6 else SMALL - 3
    for (row, column), value in np.ndenumerate(values.to_numpy()):
        if np.isfinite(value):
            colour = "white" if value < _BRIGHT else "black"
            place = {"ha": "center", "va": "center", "fontsize": size, "color": colour}
            axes.text(column, row, f"{value:.2f}", **place)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return image
