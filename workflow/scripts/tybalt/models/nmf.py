"""Non-negative matrix factorisation: parts that add up, in closed form (PURE at module level).

Lee and Seung 1999 (https://doi.org/10.1038/44565). A sample is a sum of non-negative multiples of
non-negative components; nothing cancels, which makes components readable.
"""

import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tybalt.plan import shared_hyperparameters as common
from tybalt.plan.hyperparameters import hyperparameter

if TYPE_CHECKING:
    import numpy as np

    from tybalt.training.rows import Rows

VERBS = ("encode", "reconstruct", "weights")
OBJECTIVE = "reconstruction"

#: A setting with which it learns planted factors in a second or two; a test trains it.
LEARNING = {"max_iter": 200}

#: Directions in which components differ by less than this share are one direction.
PRECISION = 1e-12

_SKLEARN = "scikit-learn, sklearn.decomposition.NMF"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class HParams:
    """Hyperparameters of the factorisation."""

    latent_dim: int = common.latent_dim()
    solver: str = hyperparameter(
        "cd",
        "How the components are found: coordinate descent, or multiplicative updates (slower).",
        choices=("cd", "mu"),
        source="cd: Cichocki and Phan 2009; mu: Lee and Seung 2001",
    )
    alpha: float = hyperparameter(
        0.0,
        "Weight of the regularisation of codes and components.",
        low=0,
        source=_SKLEARN,
    )
    l1_ratio: float = hyperparameter(
        0.0,
        "Share of the L1 norm in the regularisation; the rest is half the squared L2 norm.",
        low=0,
        high=1,
        source=_SKLEARN,
        matters=lambda hp: hp.alpha > 0,
    )
    max_iter: int = hyperparameter(
        200,
        "Iterations at most; fewer if the error has stopped falling.",
        low=1,
        high=common.LONGEST,
        unit="iterations",
        source=_SKLEARN,
    )


@dataclass(frozen=True)
class Fitted:
    """The fitted components; its fields are all that a file needs to hold.

    Parameters
    ----------
    components
        Non-negative, shape (latent_dim, genes).
    l1, l2
        Weights of the norm and of half the squared norm of a sample's code.
    """

    components: "np.ndarray"
    l1: "np.ndarray"
    l2: "np.ndarray"

    def encode(self, X: "np.ndarray") -> "np.ndarray":
        """Find the best non-negative codes of samples x genes: samples x latent_dim.

        The codes of scikit-learn's `transform`, but each depends on its own sample alone and
        not on those beside it; and they count components of norm 1, as principal components
        do, since the factorisation leaves the scale of a component open.
        """
        import numpy as np

        components = self.components.astype(np.float64)
        gram = components @ components.T + self.l2 * np.eye(len(components))
        codes = non_negative_least_squares(gram, X @ components.T - self.l1)
        return codes * np.linalg.norm(components, axis=1)

    def decode(self, Z: "np.ndarray") -> "np.ndarray":
        """Map codes back to samples x genes."""
        return Z @ self.gene_weights().T

    def gene_weights(self) -> "np.ndarray":
        """Weights of the genes in components of norm 1, genes x latent_dim; a zero one stays so."""
        import numpy as np

        norms = np.linalg.norm(self.components, axis=1)
        return self.components.T / np.where(norms > 0, norms, 1)

    def layers(self) -> dict[str, list[dict[str, "np.ndarray"]]]:
        """Describe the decoder as a dense layer; codes are found by least squares, not by one."""
        return {"decoder": [{"kernel": self.gene_weights().T}]}


def non_negative_least_squares(gram: "np.ndarray", projections: "np.ndarray") -> "np.ndarray":
    """Minimise z gram z / 2 - z projection over z >= 0 for many rows, exactly.

    With gram = R' R this is the least-squares problem R z = t of as many equations as features,
    however many genes there are (active sets: Lawson and Hanson 1974).

    Parameters
    ----------
    gram
        Positive semi-definite, shape (features, features).
    projections
        Shape (samples, features).

    Returns
    -------
    numpy.ndarray
        Shape (samples, features); a feature whose component is zero stays 0.
    """
    import numpy as np
    from scipy.optimize import nnls

    values, vectors = np.linalg.eigh(gram)
    distinct = values > PRECISION * values[-1]
    vectors, roots = vectors[:, distinct], np.sqrt(values[distinct])
    R, targets = (vectors * roots).T, projections @ vectors / roots
    return np.array([nnls(R, target, maxiter=100 * len(gram))[0] for target in targets])


def fixed_axes(hp: HParams) -> str | None:
    """Say why each feature means something by itself, so that the code is not rotated."""
    return "its features are parts that add up, none of them negative"


def refuse(hp: HParams, shape: tuple[int, int], limits: tuple[float, float]) -> str | None:
    """Say why a training matrix (shape, smallest and largest value) cannot be modelled."""
    if limits[0] < 0:
        return (
            f"found values from {limits[0]:g}, expected none below 0; use scaling method zero_one"
        )
    n_samples, n_genes = shape
    if hp.latent_dim > min(shape):
        return (
            f"latent_dim: found {hp.latent_dim}, but {n_samples} training samples x {n_genes} "
            f"genes allow at most {min(shape)} components; choose a smaller latent_dim"
        )
    return None


def fit(rows: "Rows", hp: HParams, seed: int) -> Fitted:
    """Fit on rows x columns, starting from the singular vectors (NNDSVD, seeded)."""
    import numpy as np
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    nmf = NMF(
        hp.latent_dim,
        init="nndsvda",
        solver=hp.solver,
        alpha_W=hp.alpha,
        l1_ratio=hp.l1_ratio,
        max_iter=hp.max_iter,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the log says it, in our words
        nmf.fit(rows.X)
    log.info("%d iterations (%d at most)", nmf.n_iter_, hp.max_iter)
    # scikit-learn weighs a code's norm by the number of genes, so that `alpha` fits any matrix.
    weight = hp.alpha * rows.inputs.size
    return Fitted(
        components=nmf.components_,
        l1=np.array(weight * hp.l1_ratio),
        l2=np.array(weight * (1 - hp.l1_ratio)),
    )
