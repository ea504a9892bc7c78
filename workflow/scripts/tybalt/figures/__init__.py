"""One file per figure: table in, Figure out; `style.saves_figure` makes files of it."""
