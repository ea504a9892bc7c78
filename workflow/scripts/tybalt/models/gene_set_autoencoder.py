"""A gene-set autoencoder: genes -> known gene sets -> code (PURE at module level).

GSAE (Chen 2018, https://doi.org/10.1186/s12918-018-0642-2): each unit of the first layer is a gene
set and sees its genes only; the features of the code are combinations of sets. Genes in no set are
not seen, but they are reconstructed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tybalt.plan import gene_sets
from tybalt.plan import shared_hyperparameters as common
from tybalt.plan.hyperparameters import hyperparameter

if TYPE_CHECKING:
    import numpy as np

    from tybalt.training.rows import Inputs

VERBS = ("encode", "reconstruct", "weights")
OBJECTIVE = "reconstruction"

#: A setting with which it learns planted factors in a second or two; a test trains it.
LEARNING = {"epochs": 150, "learning_rate": 0.01}

#: Hyperparameters that name a file: its content, too, says when a training has to run again.
FILES = ("gene_sets",)


@dataclass(frozen=True, kw_only=True)
class HParams:
    """Hyperparameters of the gene-set autoencoder."""

    gene_sets: str = hyperparameter(
        "resources/gene_sets.gmt",
        "GMT file (name, description, genes; tabs between them), by a path from the working "
        "directory or the workflow's folder. The model file holds what it needs of it.",
        source="resources/README.md; Chen 2018: MSigDB",
    )
    minimum_genes: int = hyperparameter(
        2,
        "Sets with fewer genes in the matrix are left out.",
        low=1,
        unit="genes",
        source="a set of one gene would be that gene",
    )
    latent_dim: int = common.latent_dim(20)
    activation: str = hyperparameter(
        "tanh",
        "Activation of the gene sets, in the encoder and in the decoder; the code is linear.",
        choices=("tanh", "relu"),
        source="LeCun 1998, Efficient BackProp; relu: https://proceedings.mlr.press/v15/glorot11a",
    )
    start: str = common.start(components=False)
    learning_rate: float = common.learning_rate(
        0.001, "Kingma and Ba 2015, https://arxiv.org/abs/1412.6980"
    )
    batch_size: int = common.batch_size()
    epochs: int = common.epochs(100)


def fixed_axes(hp: HParams) -> str | None:
    """Say why each feature means something by itself, so that the code is not rotated."""
    return "its features are read from gene sets, and belong to them"


def refuse(hp: HParams, shape: tuple[int, int], limits: tuple[float, float]) -> str | None:
    """Say why a training matrix (shape, smallest and largest value) cannot be modelled."""
    return common.refuse_outside_unit_range(limits)


def read_knowledge(hp: HParams, genes: Sequence[str]) -> dict[str, "np.ndarray"]:
    """Read the gene sets, as far as they touch the genes of the matrix.

    Returns
    -------
    dict
        ``sets``: names, shape (sets,); ``links``: (number of the gene, number of the set) of
        every membership, shape (links, 2).

    Raises
    ------
    InputError
        If the file is missing or not GMT, or its genes miss the matrix.
    """
    import numpy as np

    path = gene_sets.locate(hp.gene_sets)
    names, links = gene_sets.link(
        gene_sets.read_gmt(path), genes, hp.minimum_genes, f"gene_sets, {path}"
    )
    return {"sets": np.array(names), "links": np.array(links, dtype=np.int32)}


def build(inputs: "Inputs", hp: HParams, sets: "np.ndarray", links: "np.ndarray") -> Any:
    """Return the compiled model: genes in 0..1 -> reconstruction in 0..1."""
    import keras
    from keras import layers

    from tybalt.training.layers import LinkedDense, centred
    from tybalt.training.losses import reconstruction_loss

    genes = keras.Input((inputs.size,), name="genes")
    seen = centred(genes, hp.start)
    hidden = LinkedDense(links, inputs.size, len(sets), hp.activation, name="gene_sets")(seen)
    code = layers.Dense(hp.latent_dim, name="latent")(hidden)
    hidden = layers.Dense(len(sets), activation=hp.activation, name="decoder")(code)
    output = layers.Dense(inputs.size, activation="sigmoid", name="reconstruction")(hidden)

    model = keras.Model(genes, output, name="gene_set_autoencoder")
    model.compile(
        optimizer=keras.optimizers.Adam(hp.learning_rate), loss=reconstruction_loss("mse", inputs)
    )
    return model
