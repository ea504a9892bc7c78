"""What things are called on figures and pages (PURE)."""

#: The block of a dataset that names none.
SOLE_BLOCK = "expression"


def experiment_name(model: str, tuner: str) -> str:
    """Write an experiment as `model · tuner`; as the model alone where nothing was searched."""
    return model if tuner == "none" else f"{model} · {tuner}"


def in_words(column: str) -> str:
    """Write the name of a column as words: ``sample_type`` is ``sample type``."""
    return column.replace("_", " ")


def plural(noun: str) -> str:
    """Write a noun in the plural, as English makes it of most: ``donors``, ``bodies``."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"
