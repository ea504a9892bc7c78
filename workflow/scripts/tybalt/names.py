"""What things are called on figures and pages."""


def cell_name(model: str, tuner: str) -> str:
    """Write a cell as `model · tuner`; as the model alone where nothing was searched."""
    return model if tuner == "none" else f"{model} · {tuner}"
