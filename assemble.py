"""Assemble: makes the services that config.json asks for; main.py borrows it once, at boot."""

import gc
import json
import os
import sys
from hashlib import sha256

import asyncio
from micropython import const

from hal.console import console
from hal.files import replace
from services.borrow import borrow, forget
from services.events import Events
from services.site import SiteCommands
from services.status import Status

BUNDLE = "source"  # the build puts the bundle's id in its place

_CONFIG = const("/config.json")
_PROVEN = const("/config.last")
_READY = const("/config.ready")  # what config.json came to at an earlier boot, see _ready()
_DIGEST = const(32)  # bytes of a SHA-256
_IS_DIR = const(0x4000)


def assemble(version, rows, in_rescue=(), watchdog=None):
    """Return (services, status, events, site); what is wrong is named in status and events.

    rows: (name, module, class, the key without which it isn't even imported, or None), in the
    order of starting. A section that is null turns its service off too. in_rescue: the names of
    those that are made in rescue mode, the one that it can spare last. watchdog: what to feed.
    """
    status = Status()
    events = Events(console.write)
    site = SiteCommands()
    rescue = _describe(version, status.section("board"))
    # All that config.json needs goes before the services come: both at once don't fit a heap
    # of 64 KiB.
    seed = repr((BUNDLE, status.section("board")["firmware"], rows)).encode()
    wanted, problems = _ready(seed, status), []
    restart = None
    if wanted is None:
        wanted, problems, restart = _settings(rows, status, watchdog)
        if not problems:
            _keep_ready(seed, status, wanted)
        _let_go("config", "jsontext", "sections")
    services = []
    hung_app = rescue and rescue.rpartition("the watchdog (")[2].startswith(("app)", "app."))
    if rescue:
        status.section("rescue")["reason"] = rescue
        if " in rescue mode " in rescue:  # it may be telemetry that ends them
            in_rescue = in_rescue[:-1]
    for row in rows:
        name = row[0]
        if name not in wanted:
            continue
        # What hung is known where it was the application: then the others may all run. It is told
        # by the section `rescue` that it must not.
        if rescue and name not in in_rescue and not hung_app:
            status.section(name)["state"] = "off"
            continue
        gc.collect()
        if watchdog:
            watchdog.feed()
        try:
            kind = getattr(__import__(row[1], None, None, (row[2],)), row[2])
            services.append(kind(status, events, site, **wanted[name]))
        except Exception as error:
            _failed(status, name, error)
    if status.section("log").get("state") in ("off", "failed"):
        # Somebody must say on the console what happens.
        events.subscribe(lambda topic, fields: console.write("%s %s" % (topic, fields)))
    if rescue:
        events.publish("board/rescue", error=rescue)
    for problem in problems:
        events.publish("config/problem", problem=problem)
    if problems:
        status.section("config")["problems"] = "; ".join(problems)
    site.add_rare(("config",), "lifecommands", (status, events, rows))
    _judge(status, events, site, wanted, problems, restart)
    return services, status, events, site


def _judge(status, events, site, wanted, problems, restart):
    """Begin the trial of a config.json that is not proven; tell of one that was taken back."""
    try:
        if not restart and _there("/config.why"):  # else the boot after the reset tells it
            borrow("proven", "tell")(status.section("config"), events)
        if restart or _on_trial():
            watch = borrow("trial", "watch")
            asyncio.create_task(watch(status, events, site, wanted, problems, restart))
    except (ImportError, OSError, MemoryError) as error:  # a damaged module, say
        print("assemble: no trial of %s: %s" % (_CONFIG, error))


def _on_trial():
    """Whether config.json is there, can be read, and is not the last proven one."""
    try:
        with open(_CONFIG, "rb") as file:
            now = file.read()
    except OSError:
        return False
    try:
        with open(_PROVEN, "rb") as file:
            return file.read() != now
    except OSError:
        return True


def _there(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def _describe(version, board):
    """Write down who this board is; return why it is in rescue mode, None where it isn't."""
    from hal import identity

    boot = {}
    rescue = None
    try:
        import recovery

        boot = recovery.record()
        rescue = recovery.rescue()
    except Exception as error:  # somebody removed it
        print("assemble: recovery:", error)
    board["outpost"] = version
    board["version"] = boot.get("version") or version  # of what an update brought last
    board["application"] = boot.get("application")
    board["bundle"] = BUNDLE
    board["firmware"] = identity.firmware()
    board["id"] = identity.unique_id()
    board["boots"] = boot.get("boots", 0)
    board["reset_cause"] = boot.get("cause", "unknown")
    board["hung_in"] = boot.get("hung")
    if "why" in boot:
        board["failure"] = boot["why"]
    _let_go("joining", "recovery", "journal", "resets", "hal.identity")
    return rescue


def _let_go(*modules):
    """Forget modules for good, of which nothing is used any more."""
    for module in modules:
        if module in sys.modules:
            # A stale word on the C stack, taken for a reference to it, would keep all of it.
            sys.modules[module].__dict__.clear()
        forget(module)


def _ready(seed, status):
    """What _settings() returned first at an earlier boot, from flash; None where it must be anew.

    config.json says nothing else at most boots, and then neither its parser nor the rules are
    loaded: even of a module that was let go the names stay in the heap, and these have a hundred.
    The file is whole and of this config.json, this bundle and firmware and main.py's table, or it
    is ignored; so it is where a user's root is no folder any more. It holds no secret that
    config.json does not hold: FTP's passwords are hashes in both by then.
    """
    if BUNDLE == "source":  # a developer's, who changes the rules
        return None
    try:
        with open(_READY, "rb") as file:
            kept = file.read()
        if kept[:_DIGEST] != _digest(seed, kept[_DIGEST:]):
            return None
        name, off, watchdog, wanted = json.loads(kept[_DIGEST:])
        for _, _, root in wanted.get("ftp", {}).get("users", {}).values():
            if not os.stat(root)[0] & _IS_DIR:  # read anew, it is named
                return None
    except Exception:  # there is none, or no memory to look: then it is read anew
        return None
    board = status.section("board")
    board["name"] = name
    if watchdog:
        board["watchdog"] = watchdog
    for service in off:
        status.section(service)["state"] = "off"
    return wanted


def _keep_ready(seed, status, wanted):
    """Write what _ready() reads; a board that can't has config.json read at each boot."""
    board = status.section("board")
    states = [(name, status.sections[name].get("state")) for name in status.sections]
    if BUNDLE == "source" or "failed" in [state for _, state in states]:
        return
    off = [name for name, state in states if state == "off"]
    try:
        kept = json.dumps([board["name"], off, board.get("watchdog"), wanted]).encode()
        replace(_READY, (_digest(seed, kept), kept))
    except Exception as error:
        print("assemble: %s could not be kept: %s" % (_READY, error))


def _digest(seed, kept):
    """The SHA-256 of seed, config.json and what is kept of it; OSError."""
    digest = sha256(seed)
    with open(_CONFIG, "rb") as file:
        digest.update(file.read())
    digest.update(kept)
    return digest.digest()


def _settings(rows, status, watchdog):
    """Return (name -> keyword arguments of each service that is wanted, problems, restart).

    restart: why the board must start again; None where it needn't.
    """
    import config
    import sections

    settings, problems, restart = _usable(config, sections, rows)
    board = status.section("board")
    board["name"] = settings.get("name", "outpost")
    if not settings and not problems:
        try:
            network = borrow("services.network.first", "settings")(board, config.put)
        except ImportError:  # a damaged module: FTP must come up
            network = None
        if network:
            settings["network"] = network
    if settings.get("watchdog") is False:
        board["watchdog"] = "off"  # boot.py saw to it
    wanted = {}
    for name, given in sections.divided(settings, rows, problems):
        if given is None:
            status.section(name)["state"] = "off"
            continue
        try:
            if isinstance(given, Exception):
                raise given
            wanted[name] = given
            if name == "ftp":
                accounts = borrow("services.ftp.access.setup", "accounts")
                made = asyncio.run(_fed(accounts(given.get("users", {}), config.put), watchdog))
                given["users"] = made[0]
                problems.extend(made[1])
        except Exception as error:
            wanted.pop(name, None)
            _failed(status, name, error)
    return wanted, problems, restart


def _usable(config, sections, rows):
    """Return (settings, problems, restart): of config.json, or of the proven one in its place.

    At once where it is plain that config.json cuts the board off: it is no JSON, or no admin can
    log in, while one can under the proven one. The network is a matter of the trial.
    """
    settings, problems, life = config.load()
    why = problems[0] if life == "broken" else None
    if life == "trial":
        why = sections.no_way_in(settings, rows, [])
        if why and not _is_better(config, sections, rows):
            why = None
    if not why:
        return settings, problems, None
    try:
        borrow("proven", "take_back")(why)
    except (ImportError, OSError) as error:
        if life == "trial":
            settings = config.last()
        text = "%s; the proven one runs, but can't be put back: %s" % (why, error)
        return settings, [text], None
    network = settings.get("network")
    settings, problems, _ = config.load()
    # boot.py has opened the network of the other one, and an interface is opened once.
    return settings, problems, why if settings.get("network") != network else None


def _is_better(config, sections, rows):
    """Whether an admin could log in under the last proven configuration."""
    proven = config.last()
    return proven is not None and not sections.no_way_in(proven, rows, [])


async def _fed(work, watchdog):
    """Await work, which hashes passwords at its leisure, and feed the watchdog meanwhile."""

    async def feed():
        while watchdog:
            watchdog.feed()
            await asyncio.sleep(1)

    feeding = asyncio.create_task(feed())
    try:
        return await work
    finally:
        feeding.cancel()


def _failed(status, name, error):
    """A service that can't be made is reported, in full on the console; the rest run on."""
    sys.print_exception(error)
    text = "%s: %s" % (type(error).__name__, error)
    status.section(name).update({"state": "failed", "error": text})
