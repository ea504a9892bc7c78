# Functions that name the files of a stage, for its rules. No rules.


# sources -> matrix


def raw_file(table):
    """The input function of one raw file of a dataset, whatever its kind."""
    return lambda wildcards: STUDY.raw_files(wildcards.dataset, PLACES)[table]


def read_from(wildcards):
    """The files that the kind of a dataset reads, by the names of its arguments."""
    known = {"known_columns": known_columns(wildcards)} if known_columns(wildcards) else {}
    return STUDY.raw_files_to_read(wildcards.dataset, PLACES) | known


def settings_for(step):
    """The params function of what a kind reads or simulates by (`READS`, `SIMULATES`)."""
    return lambda wildcards: STUDY.settings(wildcards.dataset, step)


def kind_code(rule_name):
    """The code hash of a rule that runs the kind of its dataset."""
    return lambda wildcards: code_hash(
        rule_name, kind_of(STUDY.dataset(wildcards.dataset)).__name__
    )


def known_columns(wildcards):
    """What is known of the columns of a dataset's kind; empty where the kind brings no such file."""
    name = kind_of(STUDY.dataset(wildcards.dataset)).COLUMNS
    return PLACES.resource(name) if name else []


# matrix -> trials -> best


def trials_of(wildcards, before=None):
    """The results of every training of a search, or of its first rounds."""
    folder = f"{EXPERIMENT}/trials".format(**wildcards)
    return [
        f"{folder}/{'/'.join(name)}.json" for name in experiment_of(wildcards).trial_files(before)
    ]


def proposals_of_round(wildcards):
    """The proposals that a trial of an adaptive search waits for; none in another."""
    if not experiment_of(wildcards).is_closed:
        return []
    return f"{EXPERIMENT}/trials/{{round}}/proposals.json".format(**wildcards)


# best -> model -> findings


def of_replicate(function):
    """The params function of what the study says of a training again, by its name."""
    return lambda wildcards: function(STUDY, experiment_of(wildcards), wildcards.replicate)


def replicates_of(wildcards, kind="", name="{replicate}.tsv.gz"):
    """The codes (or another file) of trainings again, of one kind or of all; maybe none."""
    return [
        f"{EXPERIMENT}/replicates/{name}".format(**wildcards, replicate=each)
        for each in replicates.names_of(STUDY, experiment_of(wildcards))
        if each.startswith(kind)
    ]


def if_replicated(name, kind="", folder=EXPERIMENT):
    """The input function of a table of trainings again; empty where there are none."""
    return lambda wildcards: (
        [f"{folder}/{name}".format(**wildcards)] if replicates_of(wildcards, kind) else []
    )


def gene_set_files():
    """The GMT files whose sets are looked for, relative to the folder in which Snakemake runs."""
    named = STUDY.config["explain"]["gene_sets"]
    return [
        relative(checked(lambda: locate(path, "explain.gene_sets"), "the config")) for path in named
    ]


def of_new_samples(*tables):
    """The input function of files of new samples: expression, and clinical if they have one."""
    return lambda wildcards: projections.files_of_new_samples(
        STUDY, wildcards.dataset, PLACES, tables
    )


def of_projections(*names):
    """The input function of files of all new samples on models of a dataset, cohort by cohort."""
    return lambda wildcards: [
        f"{RESULTS}/{new}/{name}"
        for new, *_ in projections.projected_onto(STUDY, wildcards.dataset)
        for name in names
    ]


def target_of(wildcards):
    """The experiment that new samples are projected onto."""
    return checked(lambda: STUDY.target(wildcards.dataset), "the target")


def of_target(name):
    """The input function of a file of that experiment."""
    return lambda wildcards: f"{RESULTS}/{'/'.join(target_of(wildcards).key)}/{name}"


def of_target_dataset(name):
    """The input function of a file of the dataset that the experiment was trained on."""
    return lambda wildcards: f"{RESULTS}/{target_of(wildcards).dataset}/{name}"
