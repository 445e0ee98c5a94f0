"""Holds a discovery message against Home Assistant's own mqtt integration; runs in its Python.

stdin: JSON with `config`, the message, and `messages`, topic -> payloads that a board sent.
stdout: JSON with `faults`, a list of texts, and `values`, entity -> what Home Assistant makes of
each payload of its topic.
"""

import importlib
import json
import sys
import tempfile

import asyncio
from homeassistant.components.mqtt.abbreviations import (
    ABBREVIATIONS,
    DEVICE_ABBREVIATIONS,
    ORIGIN_ABBREVIATIONS,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.template import Template

# Of the device form, which is younger than this Home Assistant: it has no such words yet.
YOUNGER = {"cmps": "components", "p": "platform"}


def expanded(config, words):
    """A dict with its abbreviated keys written out."""
    return {words.get(key, key): value for key, value in config.items()}


def based(config, base):
    """A dict whose topics begin with base where they had `~`."""
    return {
        key: base + value[1:] if isinstance(value, str) and value[:1] == "~" else value
        for key, value in config.items()
    }


def entities(config):
    """Yield (name, platform, configuration of its own, with what the device shares)."""
    root = expanded(config, ABBREVIATIONS | YOUNGER)
    base = root.pop("~")
    components = root.pop("components")
    root["device"] = expanded(root["device"], DEVICE_ABBREVIATIONS)
    # `o` is an abbreviation of another key on some platforms; here it is the origin.
    root["origin"] = expanded(config["o"], ORIGIN_ABBREVIATIONS)
    root.pop("o", None)
    for name, given in components.items():
        if given.keys() == {"p"}:
            continue  # a platform by itself removes the entity
        own = based(expanded(given, ABBREVIATIONS | YOUNGER), base)
        yield name, own.pop("platform"), own, based(root, base) | own


async def main(folder):
    """Check what stdin holds, and say what was found. folder: empty, for Home Assistant."""
    home = HomeAssistant(folder)
    asked = json.load(sys.stdin)
    faults, values = [], {}
    for name, platform, own, merged in entities(asked["config"]):
        module = importlib.import_module(f"homeassistant.components.mqtt.{platform}")
        try:
            taken = module.DISCOVERY_SCHEMA(merged)
        except Exception as error:
            faults.append(f"{name}: {error}")
            continue
        # The schema drops what it doesn't know; of ours it must know all.
        faults += [f"{name}: {platform} knows no {key}" for key in own if key not in taken]
        values[name] = [
            Template(own["value_template"], home).async_render_with_possible_json_value(payload)
            for payload in asked["messages"].get(merged.get("state_topic"), [])
            if "value_template" in own
        ]
    json.dump({"faults": faults, "values": values}, sys.stdout)


with tempfile.TemporaryDirectory() as room:
    asyncio.run(main(room))
