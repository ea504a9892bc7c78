# What rules fill in alike: logs, benchmarks, resources, files of users, the outputs and params of
# figures. No rules.

import re

from snakemake.io import IOFile
from tybalt.plan.file_hashes import hash_files


def log_of(rule_name, place):
    """The log of a rule whose outputs lie in `place`."""
    return f"{RESULTS}/logs/{rule_name}/{place.removeprefix(f'{RESULTS}/')}.log"


def benchmark_of(rule_name, place):
    """What a job of a rule took, in time and memory."""
    return f"{RESULTS}/benchmarks/{rule_name}/{place.removeprefix(f'{RESULTS}/')}.tsv"


def needs(mem_mb, runtime, **others):
    """Memory in MB and time in minutes, which grow with each attempt, and other resources."""
    return {
        "mem_mb": lambda wildcards, attempt: mem_mb * attempt,
        "runtime": lambda wildcards, attempt: runtime * attempt,
        **others,
    }


def figure(rule_name, category, label):
    """The two files of a figure, with its entry in the report."""
    stem = f"{RESULTS}/{outputs.figures()[rule_name].path}"
    wildcards = re.findall(r"{(dataset|model|tuner)}", stem)
    return {
        "png": report(
            f"{stem}.png",
            caption=f"../report/{rule_name}.rst",
            category=category,
            labels={name: f"{{{name}}}" for name in wildcards} | {"figure": label},
        ),
        "pdf": f"{stem}.pdf",
    }


def drawing(rule_name, **values):
    """The params of a figure: its script's name, the hash of its code, and what it draws with."""
    return {"script": rule_name, "code": code_hash(rule_name), **values}


def is_given(path):
    """Whether a file is a user's: neither a result nor a download, and no rule makes it."""
    ours = path.startswith((f"{RESULTS}/", f"{PLACES.downloads}/"))
    return not ours and not any(rule.is_producer(path) for rule in workflow.rules)


def is_recorded(path):
    """Whether Snakemake knows by which params a file was made; of copied results it does not."""
    return bool(workflow.persistence.metadata(IOFile(path)))


def given(files, output):
    """An input function with the files of users marked: their content decides, not their time.

    That holds where Snakemake remembers what the content was when `output` was made.
    """

    def marked(wildcards):
        found = files(wildcards)
        if not is_recorded(output.format(**wildcards)):
            return found
        if isinstance(found, dict):
            return {name: mark_given(paths) for name, paths in found.items()}
        return mark_given(found)

    return marked


def mark_given(paths):
    """Mark one file or several."""
    if isinstance(paths, str):
        return ancient(paths) if is_given(paths) else paths
    return [mark_given(path) for path in paths]


def content_of(files):
    """The params function of what is in the files of users among those of an input function.

    It takes no `input`, as Snakemake looks for changes only in params that depend on wildcards alone.
    """

    def content(wildcards):
        found = files(wildcards)
        named = list(found.values()) if isinstance(found, dict) else [found]
        paths = [path for each in named for path in ([each] if isinstance(each, str) else each)]
        return hash_files([path for path in paths if is_given(path)])

    return content
