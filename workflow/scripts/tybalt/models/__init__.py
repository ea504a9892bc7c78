"""Models: each file holds `HParams` and either `build` (Keras) or `fit` (closed form)."""
