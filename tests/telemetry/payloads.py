"""Holds messages of a board against docs/schemas, as docs/mqtt.md lists them."""

import json
from pathlib import Path

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
HEAD = "event.json"  # what the events' own schemas build on; no topic of its own


def load():
    """name -> schema of every file in docs/schemas."""
    return {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}


_LOADED = load()
_REGISTRY = Registry().with_resources(
    (name, Resource.from_contents(schema)) for name, schema in _LOADED.items()
)


def schema_of(topic):
    """The file's name for a topic `<base>/<device>/...`; KeyError where there is none."""
    what = topic.split("/", 2)[2]
    if what.startswith("event/update/"):
        what = "event/update"
    if what.startswith("event/config/"):
        what = "event/config"
    name = what.replace("/", "-") + ".json"
    if name not in _LOADED or name == HEAD:
        raise KeyError(f"{topic} has no schema: docs/schemas/{name}")
    return name


def faults(message):
    """What a message breaks of its topic's schema, as a list of texts; empty where nothing."""
    name = schema_of(message.topic)
    content = message.payload.decode() if name == "status.json" else message.json
    validator = Draft202012Validator(_LOADED[name], registry=_REGISTRY)
    return [
        f"{message.topic} {error.json_path}: {error.message}"
        for error in validator.iter_errors(content)
    ]


def checked(messages):
    """The schemas that these messages met, as a set of names; AssertionError where one did not."""
    found = [fault for message in messages for fault in faults(message)]
    assert not found, found
    return {schema_of(message.topic) for message in messages}
