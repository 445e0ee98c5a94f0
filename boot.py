"""Finish or undo an update and begin to connect, nothing else.

Firmware runs main.py only if this file ends without an exception.
"""

import json
import os

try:
    # Any change makes LittleFS first finish a rename that a power cut halved.
    os.remove("/.none")
except OSError:
    pass
try:
    import recovery
except Exception as error:  # it was removed
    recovery = None
    print("boot: no updates, no boot record:", error)


def read(path):
    """The object in a JSON file, or None."""
    try:
        with open(path) as file:
            text = file.read()
        found = json.loads(text)
        # Up to MicroPython 1.25, json accepts a missing last brace.
        return found if isinstance(found, dict) and text.rstrip().endswith("}") else None
    except Exception:
        return None


def settle_files():
    """On FAT: finish what a power cut interrupted, for the files of a boot."""
    try:
        from hal import files

        if files.on_fat("/"):
            from hal import fat

            fat.settle_own()
    except Exception as error:
        print("boot: files:", error)


def watchdog_wanted():
    """False if config.json says so."""
    return (read("/config.json") or {}).get("watchdog") is not False


def asked():
    """Why the board started."""
    try:
        import resets

        return resets.reset_cause()
    except Exception as error:  # it was removed
        print("boot: no reset cause:", error)
        return "unknown"


def mount():
    """Mount the archive, after updates; return why it can't be, or None."""
    try:
        import archive

        archive.start()
    except ImportError:
        pass  # count() reports it
    except Exception as error:
        print("boot: no archive:", error)
        return str(error)


def count(cause, trouble):
    """Count the boot. trouble: why main.py can't import its modules."""
    hung = None
    try:
        from hal import identity

        hung = identity.remembered()
    except Exception as error:
        trouble = trouble or "hal: %s: %s" % (type(error).__name__, error)
    recovery.begin(cause, hung)
    if trouble:
        recovery.ended(trouble)


def boot():
    """Settle the files, count the boot, begin to connect."""
    wanted = watchdog_wanted()
    cause = None
    if recovery:
        cause = asked()
        recovery.settle(cause, wanted)
    trouble = mount()
    if recovery:
        count(cause, trouble)
    import hal

    hal.watchdog_wanted = wanted
    if cause == "soft":
        # A soft reset ended the timer that feeds the watchdog.
        hal.feed_from_timer()
    settle_files()
    import joining

    options = joining.options(read("/config.json") or read("/config.last") or {})
    if options:
        hal.Link(*options).start()  # only begins; services/network goes on


def at_prompt():
    """Ctrl-C: the board stays at its prompt; no reset there is a fault."""
    import hal

    hal.feed_from_timer()
    if recovery:
        recovery.interrupted()


try:
    boot()
except KeyboardInterrupt:
    at_prompt()
    raise
except Exception as error:
    # main.py must still run: it can report.
    print("boot:", error)
# main.py shares this namespace, and the heap.
for used in (
    "asked at_prompt boot count json mount read recovery settle_files watchdog_wanted"
).split():
    del globals()[used]
