"""What a user did wrong, said in one message (PURE: standard library only)."""

import difflib
from collections.abc import Collection, Iterable


class InputError(Exception):
    """A mistake in the user's input: config, data file or hyperparameter.

    The message names the file and line, or the config key; says what was found, what is
    allowed and what to do. The adapter and the Snakefile print it without a traceback.
    """


def suggest(name: object, choices: Iterable[str]) -> str:
    """Name the allowed values and, where one is close to `name`, ask whether it was meant.

    Returns
    -------
    str
        ``allowed: a, b, c`` or ``did you mean 'b'? allowed: a, b, c``.
    """
    choices = sorted(str(choice) for choice in choices)
    close = difflib.get_close_matches(str(name), choices, n=1, cutoff=0.5)
    allowed = f"allowed: {', '.join(choices) if choices else 'nothing'}"
    return f"did you mean '{close[0]}'? {allowed}" if close else allowed


def shown(text: object, length: int = 60) -> str:
    r"""Write foreign text for a message: in quotes, cut, and without anything a terminal obeys.

    Returns
    -------
    str
        Printable characters stand as they are, others as in Python (``\x1b``, ``\ufeff``).
    """
    text = str(text)
    return repr(text if len(text) <= length else f"{text[:length]}...")


def some(names: Collection[object], count: int = 5) -> str:
    """Write the first few of several names, as `shown` does but without quotes."""
    first = ", ".join(shown(name)[1:-1] for name, _ in zip(names, range(count), strict=False))
    return f"{first}, ..." if len(names) > count else first


def printable(message: object, length: int = 2000) -> str:
    """Write a message for a terminal: cut, and nothing in it that a terminal would obey.

    Messages quote foreign text by `shown`; this is for what they have from elsewhere (libraries,
    keys of a config), where they leave the workflow.
    """
    text = str(message)
    if len(text) > length:
        text = f"{text[:length]}... ({len(text):,} characters)"
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" else repr(letter)[1:-1]
        for letter in text
    )
