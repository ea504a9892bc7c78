"""What Snakemake prints last: why its jobs failed, in their own words."""

import logging

from tybalt.jobs.driver import Failures


def record(message, level=logging.ERROR, **attributes):
    made = logging.LogRecord("snakemake.logging", level, "", 0, message, None, None)
    made.__dict__.update(attributes)
    return made


def log(folder, name, *lines):
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def say(capsys, *records, files=()):
    failures = Failures()
    log = logging.Logger("snakemake.logging")
    log.addHandler(failures)
    for each in records:
        log.handle(each)
    failures.print_last(dict(files))
    return capsys.readouterr().err.splitlines()


def test_the_error_of_a_failed_job_is_said_with_its_log(tmp_path, capsys):
    path = log(tmp_path, "a.log", "12:00:00 rank_trials: demo", "12:00:01 ERROR best.json: damaged")
    assert say(capsys, record("Error in rule rank_trials", log=[path])) == [
        f"ERROR: best.json: damaged (log: {path})"
    ]


def test_what_many_jobs_say_alike_is_said_once_and_the_rest_is_counted(tmp_path, capsys):
    same = [log(tmp_path, f"{n}.log", "12:00:01 ERROR no room") for n in range(9)]
    others = [log(tmp_path, f"x{n}.log", f"12:00:01 ERROR wrong: {n}") for n in range(7)]
    lines = say(capsys, *(record("Error", log=[path]) for path in [*same, *others]))
    assert lines[0] == f"ERROR: no room (log: {same[0]})" and len(lines) == 6
    assert lines[-1] == "ERROR: (and 3 others, see above)"


def test_a_job_that_succeeded_when_tried_again_is_not_named(tmp_path, capsys):
    path = log(tmp_path, "a.log", "an ERROR of somebody else's", "12:00:00 done in 1.0 s")
    assert say(capsys, record("Error", log=[path]), record("Error", log=["gone.log"])) == []


def test_a_job_that_was_killed_is_said_to_be(tmp_path, capsys):
    path = log(tmp_path, "a.log", "12:00:00 train_trial: demo", "12:00:01 epoch 1: loss 3")
    (line,) = say(capsys, record("Error", log=[path]))
    assert line.startswith("ERROR: a job has ended without a word: it was killed")
    path = log(tmp_path, "b.log", "12:00:00 train_trial: demo", "12:00:01 interrupted")
    assert say(capsys, record("Error", log=[path])) == []


def test_without_errors_nothing_is_said(tmp_path, capsys):
    path = log(tmp_path, "a.log", "12:00:01 ERROR of an earlier run")
    assert say(capsys, record("rule x", logging.INFO, log=[path])) == []


def test_a_missing_file_of_the_users_is_said_by_its_key(tmp_path, capsys):
    path = str(tmp_path / "none.tsv")
    message = f"Missing input files for rule x:\n    affected files:\n        {path}"
    (line,) = say(capsys, record(message), files={"datasets.mine.files.clinical": path})
    assert line.startswith(f"ERROR: datasets.mine.files.clinical: found '{path}', but there is no")
