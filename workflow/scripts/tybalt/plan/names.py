"""What things are called on figures and pages."""


def experiment_name(model: str, tuner: str) -> str:
    """Write an experiment as `model · tuner`; as the model alone where nothing was searched."""
    return model if tuner == "none" else f"{model} · {tuner}"
