# What rules fill in alike: logs, benchmarks, resources, the outputs and params of figures. No rules.

import re


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
