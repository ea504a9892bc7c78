"""Models: one module each, found by its file.

At module level a model needs the standard library only, for it is loaded while Snakemake parses:

- `HParams`: its hyperparameters (`tybalt.plan.hyperparameters`);
- `VERBS`: what it can do, in the words of `tybalt.plan.models_and_tuners.VERBS`; tests prove each;
- `OBJECTIVE`: what it is scored by unless the config says otherwise (`tybalt.plan.objectives`);
- `refuse(hp, shape, limits)`: why a matrix of this shape, and of values within these limits, cannot
  be modelled; None if it can;
- one of three doors, with `inputs` of the type `tybalt.training.rows.Inputs`:
  `build(inputs, hp)` returns a Keras model, compiled with a `tybalt.training.losses.Loss`, that the
  engine trains; `fit(rows, hp, seed)` returns a `Fitted` in closed form;
  `create(inputs, hp, seed)` returns a `tybalt.training.own_loop.OwnLoop` for what needs a training
  loop of its own, such as two players.

A Keras model calls the layer of its mean code `latent`, and the one behind it that draws, if any,
`code`. Its output is the reconstruction of its input; of several outputs, by name, it is the one
called ``reconstruction``, and ``{target}_from_{source}`` translates between two blocks.

Where they are needed: `LEARNING`, a setting with which the tests let it learn planted factors;
`fixed_axes(hp)`, why each feature means something by itself, so that the code is not rotated (None
if it may be; asked with every value of a space, one at a time); `terms(hp)`, names of penalties
that an objective may need; `USES = ("label",)` if it is trained with classes; `FILES`,
hyperparameters that name a file, and `read_knowledge(hp, names)`, which reads what is known of the
columns beforehand: `build` then takes it too, and the model's file keeps it.
"""
