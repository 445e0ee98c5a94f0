"""Prepares a flash image before power-on: the bundle and config.json."""

import json
from collections.abc import Mapping
from pathlib import Path

from outpost import bundle, certificate
from outpost.sim.boards import Profile
from outpost.sim.flash import Flash

CONFIG = "/config.json"


def prepare(
    image: Path,
    tree: Path,
    *,
    board: Profile | None = None,
    fresh: bool = False,
    source: bool = False,
    library: Path | None = None,
    config: str | None = None,
    settings: Mapping[str, Mapping[str, object]] | None = None,
    tls: bool = False,
) -> list[str]:
    """Deploy the device code onto the image and merge settings into its config.json.

    board: the Profile of the flash; None: see Flash. config: text that replaces config.json first.
    settings: section -> {key: value}; None values change nothing. tls: enable FTPS, with a
    certificate for 127.0.0.1, which is stored beside the image for clients. Returns a list of
    notes for the user. Raises FlashError, bundle.BundleError, ValueError if config is not JSON.
    """
    files = bundle.device_files(tree, source=source, library=library)
    notes: list[str] = []
    with Flash(image, fresh=fresh, board=board) as flash:
        written = flash.deploy(files, bundle.digest(files))
        if written:
            notes.append(f"{image}: {len(written)} of {len(files)} files written")
        if config is not None:
            json.loads(config)
            flash.write(CONFIG, config.encode())
        if tls:
            notes.append(_certify(flash, image.with_suffix(".pem")))
        note = _merge(flash, settings or {}, tls)
        if note:
            notes.append(note)
    return notes


def _certify(flash: Flash, for_clients: Path) -> str:
    """Write a certificate to the flash if there is none; return where clients find it."""
    content = flash.read(certificate.CERT)
    if content is None or flash.read(certificate.KEY) is None:
        pair = certificate.make(["localhost", "127.0.0.1"])
        for file in pair.files:
            flash.write(file.path, file.content)
        content = pair.cert
    for_clients.write_text(certificate.pem_of(content))
    return f"certificate for clients: {for_clients}"


def _merge(flash: Flash, settings: Mapping[str, Mapping[str, object]], tls: bool) -> str | None:
    """Set the command line's values in config.json; keep all others."""
    text = flash.read(CONFIG)
    try:
        config = json.loads(text or b"{}")
        before = json.dumps(config)
        for section, values in settings.items():
            values = {key: value for key, value in values.items() if value is not None}
            if values:
                config.setdefault(section, {}).update(values)
        if tls and config.setdefault("ftp", {}).get("tls") is None:
            config["ftp"]["tls"] = {}
    except (ValueError, AttributeError):
        return "config.json on the flash is damaged; left as it is, so the options can't be set"
    if json.dumps(config) != before:
        flash.write(CONFIG, json.dumps(config, indent=2).encode())
    return None
