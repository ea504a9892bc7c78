"""HTML pages that hold all they need: templates of workflow/pages, filled in."""

import base64
import io
import json
from pathlib import Path
from typing import Any

from tybalt.jobs.own_files import own_file

#: Templates, style sheets and scripts; `workflow/rules/share.smk` hashes them as code.
PAGES = Path(__file__).resolve().parents[3] / "pages"


def render(template: str, **values: Any) -> str:
    """Fill in a template.

    Parameters
    ----------
    template
        Name of a file in workflow/pages.
    values
        What the template names; a name that is missing is an error.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def asset(name: str) -> Any:
    """Return a style sheet or script of workflow/pages as text that a template takes as it is."""
    from markupsafe import Markup

    return Markup(PAGES.joinpath(name).read_text(encoding="utf-8"))


def script_data(record: Any) -> Any:
    """Write a record as JSON that may stand inside a `<script>` element.

    ``<`` is written as an escape, so that no text of the data can end the element
    (https://html.spec.whatwg.org/multipage/scripting.html#restrictions-for-contents-of-script-elements).
    NaN and infinity are refused (ValueError).
    """
    from markupsafe import Markup

    text = json.dumps(record, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


@own_file
def inline_image(path: str, width: int) -> str:
    """Return a PNG, scaled down to a width in pixels, as an address that holds the image itself."""
    from PIL import Image

    with Image.open(path) as image:
        height = round(image.height * width / image.width)
        small = image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.quantize(128).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
