"""The documented files in pillar/ say what the code does."""

import yaml
from mip_salt.data import data_root
from mip_salt.federation.document import parse
from mip_salt.federation.nodes_file import parse_nodes_file
from mip_salt.federation.settings import Settings

PILLAR = data_root() / "pillar"


def test_the_defaults_are_those_of_the_model():
    assert yaml.safe_load((PILLAR / "defaults.yaml").read_text("utf-8")) == {"settings": Settings().model_dump()}


def fields_of(model):
    """Count the settings of a model, those of the models in it too."""
    kinds = [field.annotation for field in model.model_fields.values()]
    return len(kinds) + sum(fields_of(kind) for kind in kinds if hasattr(kind, "model_fields"))


def test_every_default_is_explained_above_it():
    lines = (PILLAR / "defaults.yaml").read_text("utf-8").splitlines()
    settings = [at for at, line in enumerate(lines) if line.startswith("  ") and not line.strip().startswith("#")]
    assert len(settings) == fields_of(Settings)
    assert all(lines[at - 1].strip().startswith("#") for at in settings)


def test_the_example_federation_is_a_federation_and_shows_every_field_of_a_node():
    text = (PILLAR / "federation.example.sls").read_text("utf-8")
    federation = parse(text, "brain")
    assert federation.ids() == ["ms", "ui", "wk1", "wk2"]
    assert federation.enabled() == ["ms", "ui", "wk1"]
    fields = {field for node in federation.nodes.values() for field in node.model_fields_set}
    assert fields == set(type(federation.nodes["ms"]).model_fields)


def test_salt_reads_the_example_as_the_model_does():
    text = (PILLAR / "federation.example.sls").read_text("utf-8")
    assert parse(yaml.safe_dump(yaml.safe_load(text)), "brain") == parse(text, "brain")
    assert "{{" not in text
    assert "{%" not in text


def test_the_example_nodes_file_is_one_and_shows_every_field():
    text = (PILLAR / "nodes-file.example.yaml").read_text("utf-8")
    wished = parse_nodes_file(text, "the example")
    assert list(wished.nodes) == ["ms", "ui", "wk1", "wk2"]
    fields = {field for node in wished.nodes.values() for field in node.model_fields_set}
    assert fields == set(type(wished.nodes["ms"]).model_fields)


def test_nothing_but_defaults_and_examples_lies_there():
    assert all(p.name == "defaults.yaml" or ".example." in p.name for p in PILLAR.iterdir())
