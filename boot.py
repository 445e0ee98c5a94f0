"""Finish or undo an update, bring the network up, nothing else; main.py follows.

Firmware runs main.py only where this file ended without an exception.
"""

import json
import os

try:
    # LittleFS settles a rename from folder to folder that a power cut halved before it changes
    # anything. Until then it doesn't find the name that stands behind the one that was moved.
    os.remove("/.none")
except OSError:
    pass  # as it should be
try:
    import recovery
except Exception as error:  # somebody removed it
    recovery = None
    print("boot: no updates, no boot record:", error)


def network_options():
    """ssid, password and hostname of config.json; empty texts where it can't be read."""
    section = {}
    for path in ("/config.json", "/config.last"):
        try:
            with open(path) as file:
                section = json.load(file)["network"]
            break
        except Exception:
            pass  # missing or damaged: main.py says so where an operator reads it
    given = section if isinstance(section, dict) else {}
    texts = [given.get(name) for name in ("ssid", "password", "hostname")]
    return [text if isinstance(text, str) else "" for text in texts]


def count():
    """Count the boot; where hal can't be imported main.py can't either, and that is kept."""
    trouble = None
    try:
        from hal import identity  # only now: the update just settled may have moved it

        cause = identity.reset_cause()
    except Exception as error:
        cause = "unknown"
        trouble = "hal: %s: %s" % (type(error).__name__, error)
    recovery.begin(cause)
    if trouble:
        recovery.ended(trouble)


def boot():
    """Settle the files, count the boot, begin to connect."""
    if recovery:
        recovery.settle()
        count()
    # Only begins to connect; services/network keeps the link up.
    import hal

    hal.Link(*network_options()).start()


try:
    boot()
except Exception as error:
    # Whatever fails here must not keep main.py from running: it can report, and this can't.
    print("boot:", error)
# main.py shares this namespace, and the heap.
for used in ("boot", "count", "network_options", "json", "recovery"):
    del globals()[used]
