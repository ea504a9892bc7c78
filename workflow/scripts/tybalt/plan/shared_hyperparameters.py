"""Hyperparameters that several models share, each declared once (PURE: standard library only).

A model keeps its own list of fields; what is said here is what they have in common.
"""

from typing import Any

from tybalt.plan.hyperparameters import hyperparameter

#: Features of a code, units of a layer, samples of a minibatch: more than any matrix has columns or
#: a device has memory for (of 100,000 units the weights to 20,000 genes take 8 GB).
WIDEST = 100_000

#: Layers of a network without shortcuts: 56 already train worse than 20 (He 2016,
#: https://doi.org/10.1109/CVPR.2016.90, figure 1).
DEEPEST = 100

#: Passes over the samples: a day of training, if each takes a tenth of a second.
LONGEST = 1_000_000

#: Where a training begins (`start`).
RANDOM, MEAN, COMPONENTS = "random", "mean", "principal_components"

_SWEEP = "https://github.com/greenelab/tybalt, parameter sweep"


def latent_dim(default: int = 100) -> Any:
    """Declare the number of features of the code."""
    return hyperparameter(
        default,
        "Number of features of the code.",
        low=1,
        high=WIDEST,
        unit="features",
        source="Way and Greene 2018, https://doi.org/10.1142/9789813235533_0008",
    )


def learning_rate(default: float, source: str = _SWEEP) -> Any:
    """Declare the optimizer's step size."""
    return hyperparameter(
        default, "Step size of the optimizer.", low=0, open_low=True, source=source
    )


def start(default: str = RANDOM, *, components: bool = True) -> Any:
    """Declare where the training begins; `components`: whether it may be principal components."""
    choices = (RANDOM, MEAN, COMPONENTS)
    return hyperparameter(
        default,
        "Where the training begins. `random`: random kernels, biases of 0, inputs as they are. "
        "`mean`: inputs are centred at the training mean, and the output's bias gives it back, so "
        "that nothing has to be learned to be as good as the mean."
        + (
            " `principal_components`: the kernels, too, so that the model begins as the principal "
            "components of the training rows."
            if components
            else ""
        ),
        choices=choices if components else choices[:2],
        source="Baldi and Hornik 1989, https://doi.org/10.1016/0893-6080(89)90014-2; measured: "
        "benchmarks/README.md, section Starts",
        neutral=RANDOM,
    )


def batch_size(default: int = 50) -> Any:
    """Declare the number of samples of a minibatch."""
    return hyperparameter(
        default,
        "Samples of a minibatch; the last minibatch of an epoch may be smaller.",
        low=1,
        high=WIDEST,
        unit="samples",
        source=_SWEEP,
    )


def epochs(default: int) -> Any:
    """Declare the number of passes over the training samples."""
    return hyperparameter(
        default,
        "Passes over the training samples.",
        low=1,
        high=LONGEST,
        unit="epochs",
        source=_SWEEP,
    )


def refuse_components(hp: Any, bent: str) -> str | None:
    """Say why a model of this setting cannot begin as principal components; None if it can.

    Parameters
    ----------
    hp
        The setting.
    bent
        What in the setting no line passes through, in words; empty if there is nothing.
    """
    if hp.start != COMPONENTS or not bent:
        return None
    return f"start: found {COMPONENTS}, but {bent}; choose start {MEAN} or {RANDOM}"


def refuse_many_components(latent_dim: int, shape: tuple[int, int]) -> str | None:
    """Say that so many samples x genes do not span so many directions; None if they do."""
    n_samples, n_genes = shape
    most = min(n_samples - 1, n_genes)  # centred samples span one direction less
    if latent_dim <= most:
        return None
    return (
        f"latent_dim: found {latent_dim}, but {n_samples} training samples x {n_genes} "
        f"genes have at most {most} principal components; choose a smaller latent_dim"
    )


def refuse_outside_unit_range(limits: tuple[float, float]) -> str | None:
    """Say that a matrix with these limits cannot be the output of a sigmoid; None if it can."""
    low, high = limits
    if low >= 0 and high <= 1:
        return None
    return f"found values from {low:g} to {high:g}, expected 0 to 1; use scaling method zero_one"
