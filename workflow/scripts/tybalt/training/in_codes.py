"""A model in the codes of others: it is trained on codes, and speaks of genes.

`codes_of` of a model entry names one experiment, or several that see different blocks. The model
inside sees their codes as its columns, one block for each; from outside the whole encodes,
reconstructs and weighs genes like any other, by way of the models that it builds on.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tybalt.training.model import Model
from tybalt.training.rows import Inputs, Rows, make_inputs


def inputs_of_codes(bases: Mapping[str, Any], labels: Sequence[str] = ()) -> Inputs:
    """Say what a model in the codes of others sees: a block of latent features for each.

    Parameters
    ----------
    bases
        Name -> trained model (`tybalt.training.bundle.Bundle`). With several, features are called
        ``{name}:z1`` and so on.
    labels
        As in `Inputs`.
    """
    names = [
        column if len(bases) == 1 else f"{name}:{column}"
        for name, bundle in bases.items()
        for column in bundle.codes.columns
    ]
    sizes = {name: bundle.codes.shape[1] for name, bundle in bases.items()}
    return make_inputs(names, sizes, labels)


class InCodes:
    """A model of codes together with the models that make them.

    Parameters
    ----------
    bases
        Name -> trained model (`tybalt.training.bundle.Bundle`), in the order of the blocks of
        `inside`.
    inside
        The model of codes.
    inputs
        The genes that the whole sees, in the order of the matrix, which need not be that of the
        bases: each finds its columns by its blocks.

    Raises
    ------
    ValueError
        If the genes of a base are not those of its blocks here.
    """

    def __init__(self, bases: Mapping[str, Any], inside: Model, inputs: Inputs):
        self.bases = bases
        self.inside = inside
        self.inputs = inputs
        self.hp = inside.hp
        self.knowledge = inside.knowledge
        positions = np.arange(inputs.size)
        self._columns = {
            name: np.concatenate([positions[inputs.blocks[block]] for block in bundle.blocks])
            for name, bundle in bases.items()
        }
        for name, bundle in bases.items():
            if [inputs.names[i] for i in self._columns[name]] != list(bundle.model.inputs.names):
                raise ValueError(f"{name}: it was trained on other genes; train it again")

    def codes(self, rows: Rows) -> Rows:
        """Turn rows of genes into rows of codes.

        The code of a base of whose genes a row has nothing is that of the training means: it counts
        as not observed.
        """
        observed = None
        if rows.observed is not None:
            observed = np.empty((len(rows), self.inside.inputs.size), bool)
            for name, features in self.inside.inputs.blocks.items():
                seen = rows.observed[:, self._columns[name]].any(axis=1)
                observed[:, features] = seen[:, None]
            observed = None if observed.all() else observed
        return dataclasses.replace(
            rows, X=self._encode_bases(rows.X), inputs=self.inside.inputs, observed=observed
        )

    def fit(
        self, train: Rows, validation: Rows, seed: int, first_epoch: int = 1
    ) -> Iterator[dict[str, float]]:
        """Train the model inside on codes; errors are those of codes."""
        return self.inside.fit(self.codes(train), self.codes(validation), seed, first_epoch)

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return the codes of the model inside: samples x features."""
        return self.inside.encode(self._encode_bases(X))

    def decode(self, Z: np.ndarray) -> np.ndarray:
        """Decode twice: samples x genes."""
        return self._decode_bases(self.inside.decode(Z))

    def reconstruct(self, X: np.ndarray) -> np.ndarray:
        """Return the reconstruction: samples x genes."""
        return self._decode_bases(self.inside.reconstruct(self._encode_bases(X)))

    def sample(self, n_samples: int, seed: int) -> np.ndarray:
        """Draw codes, and decode them: n_samples x genes."""
        return self._decode_bases(self.inside.sample(n_samples, seed))

    def translate(self, X: np.ndarray, source: str, target: str) -> np.ndarray:
        """Predict the code of one base from that of another, and decode it there.

        Parameters
        ----------
        X
            Samples x genes, of all bases.
        source, target
            Blocks, each seen by one base.
        """
        of_block = {block: name for name, base in self.bases.items() for block in base.blocks}
        codes = self.inside.translate(self._encode_bases(X), of_block[source], of_block[target])
        return self.bases[of_block[target]].model.decode(codes)

    def gene_weights(self, code: np.ndarray | None = None) -> np.ndarray:
        """Return genes x features: weights of the bases times those of the model inside.

        Where a base's weights depend on its code, they are taken at the code that is decoded here.
        """
        weights = self.inside.gene_weights(code)
        if code is None:
            code = np.zeros(weights.shape[1])
        decoded = self.inside.decode(np.asarray(code, dtype=np.float32)[None])[0]
        whole = np.empty((self.inputs.size, weights.shape[1]), np.float32)
        for name, features in self.inside.inputs.blocks.items():
            own = self.bases[name].model.gene_weights(decoded[features])
            whole[self._columns[name]] = own @ weights[features]
        return whole

    def n_parameters(self) -> int:
        """Return the number of trained numbers of the model inside."""
        return self.inside.n_parameters()

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what the model inside has learned."""
        return self.inside.arrays()

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set what the model inside has learned."""
        self.inside.load(arrays)

    def state(self) -> dict[str, np.ndarray]:
        """Return what a resumed training needs."""
        return self.inside.state()

    def resume(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over a state."""
        self.inside.resume(state)

    def layers(self) -> dict[str, Any]:
        """Describe the model inside, codes to codes; those of the bases are in their own files."""
        return self.inside.layers()

    def _encode_bases(self, X: np.ndarray) -> np.ndarray:
        return np.concatenate(
            [bundle.model.encode(X[:, self._columns[name]]) for name, bundle in self.bases.items()],
            axis=1,
        )

    def _decode_bases(self, codes: np.ndarray) -> np.ndarray:
        X = np.empty((len(codes), self.inputs.size), np.float32)
        for name, features in self.inside.inputs.blocks.items():
            X[:, self._columns[name]] = self.bases[name].model.decode(codes[:, features])
        return X
