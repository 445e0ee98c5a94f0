"""Finish or undo an update, bring the network up, nothing else; main.py follows."""

import json

import recovery


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


def boot():
    """Settle the files, count the boot, begin to connect."""
    recovery.settle()
    cause = "unknown"
    trouble = None
    try:
        from hal import identity  # only now: the update just settled may have moved it

        cause = identity.reset_cause()
    except Exception as error:
        trouble = error
    recovery.begin(cause)
    if trouble:  # main.py can't run then: of a version on trial this is the end
        recovery.ended("hal: %s: %s" % (type(trouble).__name__, trouble))
        raise trouble
    # Only begins to connect; services/network keeps the link up.
    import hal

    hal.Link(*network_options()).start()


try:
    boot()
except Exception as error:
    # Whatever fails here must not keep main.py from running: it can report, and this can't.
    print("boot:", error)
# main.py shares this namespace, and the heap.
for used in ("boot", "network_options", "json", "recovery"):
    del globals()[used]
