"""Generated files are current, and environments have the pins of the requirements."""

import re

import pytest
import yaml

import documentation as docs

ROOT = docs.ROOT


@pytest.mark.parametrize(
    "name", ["config/README.md", "results/README.md", "envs/cpu.yaml", "envs/gpu.yaml"]
)
def test_the_committed_file_is_what_make_docs_writes(name):
    written = docs.generated_files(ROOT)[ROOT / name]
    assert written == (ROOT / name).read_text(encoding="utf-8"), "run `make docs`"


SCHEMA = {
    "required": ["many"],
    "properties": {
        "many": {
            "description": "Named things.",
            "type": "object",
            "additionalProperties": {"$ref": "#/$defs/thing"},
        },
        "list": {
            "description": "A | list.",
            "type": "array",
            "items": {"type": "object", "properties": {"x": {"$ref": "#/$defs/x"}}},
        },
    },
    "$defs": {
        "thing": {"type": "object", "required": ["x"], "properties": {"x": {"$ref": "#/$defs/x"}}},
        "x": {"description": "A number.", "type": "integer", "minimum": 0, "default": 0},
    },
}


def test_keys_at_every_depth_are_listed_with_their_path():
    text = docs.schema_tables(SCHEMA)
    assert "| `many` | map | **required** | Named things. |" in text
    assert "| `many.<name>.x` | whole number ≥ 0 | **required** | A number. |" in text
    assert "| `list[].x` | whole number ≥ 0 | `0` | A number. |" in text
    assert "A \\| list." in text


def test_every_key_of_the_schema_has_a_description_and_a_row():
    schema = docs.load_schema(ROOT / "workflow" / "schemas" / "config.schema.yaml")
    text = docs.schema_tables(schema)
    for name, node in properties_of(schema):
        assert node.get("description") or "$ref" in node, name
        assert re.search(rf"^\| `([^`]*\.)?{re.escape(name)}` ", text, re.MULTILINE), name


def properties_of(node):
    """Yield (name, node) of every property anywhere in a schema."""
    if isinstance(node, dict):
        properties = node.get("properties", {})
        yield from properties.items()
        for child in node.values():
            yield from properties_of(child)


def test_every_hyperparameter_and_option_has_a_row():
    text = (ROOT / "config" / "README.md").read_text(encoding="utf-8")
    for kind, declared in (("models", "HParams"), ("tuners", "Options")):
        for name in docs.available(kind):
            assert f"### `module: {name}`" in text
            module = docs.load_plugin(kind, name, kind)
            for field in docs.dataclasses.fields(getattr(module, declared)):
                assert f"| `{field.name}`" in text


@pytest.mark.parametrize("text", ["no markers", "<!-- generated: a -->\n<!-- end -->\n" * 2])
def test_a_section_must_be_there_once(text):
    with pytest.raises(ValueError, match="expected once"):
        docs.fill_section(text, "a", "content")


def test_filling_a_section_twice_changes_nothing():
    empty = "by hand\n<!-- generated: a -->\n<!-- end -->\nby hand\n"
    once = docs.fill_section(empty, "a", r"a \1 b")
    assert once == docs.fill_section(once, "a", r"a \1 b")
    assert once.startswith("by hand\n") and once.endswith("\nby hand\n") and r"a \1 b" in once


def pins(name: str) -> list[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith(("#", "-r "))]


def versions(pins: list[str]) -> dict[str, str]:
    return {re.split(r"\[|==", pin)[0]: pin.split("==")[1] for pin in pins}


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("cpu", ["requirements.txt"]),
        ("gpu", ["requirements.txt", "requirements-gpu.txt"]),
    ],
)
def test_conda_environments_have_exactly_the_pins_of_the_requirements(name, files):
    environment = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert len(pip) == len(versions(pip)), "a package is asked for twice"
    assert versions(pip) == versions([pin for file in files for pin in pins(file)])
    assert any(pin.startswith("tensorflow[and-cuda]==") for pin in pip) == (name == "gpu")


def test_gpus_change_no_version():
    for_gpus = versions(pins("requirements-gpu.txt"))
    everywhere = versions(pins("requirements.txt"))
    assert for_gpus["tensorflow"] == everywhere["tensorflow"]
    assert set(for_gpus) - set(everywhere) == {"nvidia-cudnn-cu12"}


def test_the_readme_names_every_package_that_is_asked_for():
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    asked_for = docs.read_pins(text.split("# brought along")[0])
    table = (ROOT / "README.md").read_text(encoding="utf-8").split("## Dependencies")[1]
    listed = {
        package for row in re.findall(r"^\| (.+?) \|", table, re.M) for package in row.split(", ")
    }
    assert {pin.split("==")[0] for pin in asked_for} == listed - {"package", "---"}


def test_links_between_documents_lead_somewhere():
    for document in [*ROOT.glob("*.md"), *ROOT.glob("*/README.md")]:
        for target in re.findall(r"\]\(([^)#:]+)[^):]*\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_citation_file_names_each_source_once():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    for reference in citation["references"]:
        assert reference["title"] and reference["authors"] and reference["year"]
    titles = [reference["title"] for reference in citation["references"]]
    assert len(set(titles)) == len(titles)
