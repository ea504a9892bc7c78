"""What every comparison of models is measured against: floors, bars and ceilings (PURE).

A number of a model says little alone. So the tables of a task hold rows of *controls* beside those
of its models: what is reached without learning anything (floor), what a simple method reaches
(bar), what cannot be surpassed (ceiling), and bad ones that a sound measure must tell from good
work (control). `CONTROLS` is the one place that names them: `tybalt.analysis.control_rows` puts
them into a table, figures and pages ask here for their words.
"""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Control:
    """One control of a task.

    Parameters
    ----------
    name
        In the column `control` of tables, in legends and on pages.
    kind
        `floor`, `bar`, `ceiling`, or `control`: a bad one.
    what
        What it is and what it says about a model, for pages: a clause without a full stop.
    module
        The module of tybalt/models whose experiments are its rows; None if the row is computed.
    """

    name: str
    kind: Literal["floor", "bar", "ceiling", "control"]
    what: str
    module: str | None = None


#: Task -> its controls.
CONTROLS: dict[str, tuple[Control, ...]] = {
    "explain": (
        Control(
            "linear baseline",
            "bar",
            "no linear code of its size reconstructs the training samples with a smaller squared "
            "error",
            module="pca",
        ),
        Control("mean sample", "floor", "the mean training sample, whatever the sample is"),
    ),
}


def controls_of(task: str, kind: str | None = None) -> tuple[Control, ...]:
    """List the controls of a task; of one kind if it is given."""
    return tuple(each for each in CONTROLS[task] if kind in (None, each.kind))


def control_of_module(task: str, module: object) -> str | None:
    """Name the control whose rows are the experiments of a module; None for other modules."""
    names = [each.name for each in controls_of(task) if each.module and each.module == module]
    return names[0] if names else None
