"""Tuners: each file holds `Options` and a pure `plan(space, options, seed, where)`.

`plan` returns the rounds of the search. In a non-adaptive search a round is a list of settings
(hyperparameter -> value); in an adaptive search it is a list of slots (`tybalt.plan.search.Slot`).
It is called while parsing, so it uses the standard library only. Before that, `count(space,
options)` says how many settings or slots it would list.

An adaptive search also has `ask(space, options, seed, history, slots, model_of)`, which returns for
each slot of the next round a `tybalt.plan.search.Proposal`, or None for a slot that stays
empty; and `PLAN_ONLY`, the options that `ask` does not need, so that changing them reruns nothing.
"""
