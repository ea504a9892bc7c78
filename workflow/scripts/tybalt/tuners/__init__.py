"""Tuners: each file holds `Options` and a pure `plan(space, options, seed, where)`.

`plan` returns the rounds of the search; a round is a list of settings (hyperparameter -> value).
It is called while parsing, so it uses the standard library only.
"""
