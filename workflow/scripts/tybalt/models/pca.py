"""Principal components: the linear baseline, exact and without a seed (PURE at module level)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tybalt.plan import shared_hyperparameters as common

if TYPE_CHECKING:
    import numpy as np

    from tybalt.training.rows import Rows

VERBS = ("encode", "reconstruct", "weights")
OBJECTIVE = "reconstruction"


@dataclass(frozen=True, kw_only=True)
class HParams:
    """Hyperparameters of the principal component analysis."""

    latent_dim: int = common.latent_dim()


@dataclass(frozen=True)
class Fitted:
    """The fitted components; its fields are all that a file needs to hold.

    Parameters
    ----------
    mean
        Mean of every gene over the training samples, shape (genes,).
    components
        Orthonormal rows, shape (latent_dim, genes), largest variance first; rows of 0 where the
        training samples (copies of each other) span fewer directions.
    """

    mean: "np.ndarray"
    components: "np.ndarray"

    def encode(self, X: "np.ndarray") -> "np.ndarray":
        """Project samples x genes on the components: samples x latent_dim."""
        return (X - self.mean) @ self.components.T

    def decode(self, Z: "np.ndarray") -> "np.ndarray":
        """Map codes back to samples x genes."""
        return Z @ self.components + self.mean

    def gene_weights(self) -> "np.ndarray":
        """Weights of the genes, genes x latent_dim."""
        return self.components.T

    def layers(self) -> dict[str, list[dict[str, "np.ndarray"]]]:
        """Describe encoder and decoder as dense layers."""
        return {
            "encoder": [{"kernel": self.components.T, "bias": -self.mean @ self.components.T}],
            "decoder": [{"kernel": self.components, "bias": self.mean}],
        }


def refuse(hp: HParams, shape: tuple[int, int], limits: tuple[float, float]) -> str | None:
    """Say why a training matrix (shape, smallest and largest value) cannot be modelled."""
    return common.refuse_many_components(hp.latent_dim, shape)


def fit(rows: "Rows", hp: HParams, seed: int) -> Fitted:
    """Fit on rows x columns; nothing depends on the seed."""
    from tybalt.training.principal_components import principal_components

    found = principal_components(rows.X, hp.latent_dim)
    return Fitted(mean=found.mean, components=found.directions)
