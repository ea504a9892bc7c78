"""Models: each file holds `HParams` and either `build` (Keras) or `fit` (closed form).

`LEARNING` is a setting with which the tests let it learn planted factors.
"""
