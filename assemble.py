"""Assemble: makes the services that config.json asks for; borrowed once, at boot."""

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

BUNDLE = "source"  # the build writes the bundle's id here

_CONFIG = const("/config.json")
_PROVEN = const("/config.last")
_READY = const("/config.ready")  # the result of an earlier boot, see _ready()
_DIGEST = const(32)  # bytes of a SHA-256
_IS_DIR = const(0x4000)


def assemble(version, rows, in_rescue=(), watchdog=None):
    """Return (services, status, events, site). Problems are reported in status and events.

    rows: (name, module, class, the key without which it isn't imported, or None), in the order of
    starting. A section that is null also disables its service. in_rescue: names of the services
    that run in rescue mode; the last one is dropped first. watchdog: what to feed.
    """
    status = Status()
    events = Events(console.write)
    site = SiteCommands()
    rescue = _describe(version, status.section("board"))
    # Unload what reads config.json before the services are imported: a heap of 64 KiB has no room
    # for both.
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
        if " in rescue mode " in rescue:  # maybe it is telemetry that ends these boots
            in_rescue = in_rescue[:-1]
    for row in rows:
        name = row[0]
        if name not in wanted:
            continue
        # If the watchdog fired in the application, all other services may run. The application
        # sees the section `rescue` and doesn't start.
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
        # Without the log service, events are printed here.
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
    """Start the trial of a config.json that is not proven; report one that was taken back."""
    try:
        if not restart and _there("/config.why"):  # if it restarts, the next boot reports it
            borrow("proven", "tell")(status.section("config"), events)
        if restart or _on_trial():
            watch = borrow("trial", "watch")
            asyncio.create_task(watch(status, events, site, wanted, problems, restart))
    except (ImportError, OSError, MemoryError) as error:  # for example a damaged module
        print("assemble: no trial of %s: %s" % (_CONFIG, error))


def _on_trial():
    """Whether config.json can be read and differs from the last proven one."""
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
    """Write the board's identity into its status. Return why it is in rescue mode, or None."""
    from hal import identity

    boot = {}
    rescue = None
    try:
        import recovery

        boot = recovery.record()
        rescue = recovery.rescue()
    except Exception as error:  # it was removed
        print("assemble: recovery:", error)
    board["outpost"] = version
    board["version"] = boot.get("version") or version  # of the last update
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
    """Unload modules for good that are no longer used."""
    for module in modules:
        if module in sys.modules:
            # A stale pointer on the C stack could keep the module alive, so empty it.
            sys.modules[module].__dict__.clear()
        forget(module)


def _ready(seed, status):
    """Return what _settings() returned first at an earlier boot; None if that is outdated.

    At most boots config.json is unchanged. Then neither its parser nor the rules are loaded, whose
    hundred names would stay in the heap even after they are unloaded. The file is ignored unless a
    hash proves that it is whole and belongs to this config.json, bundle, firmware and table of
    main.py, and unless each user's root is still a folder. It holds no other secrets than
    config.json: both contain FTP's passwords as hashes.
    """
    if BUNDLE == "source":  # a developer, who may change the rules
        return None
    try:
        with open(_READY, "rb") as file:
            kept = file.read()
        if kept[:_DIGEST] != _digest(seed, kept[_DIGEST:]):
            return None
        name, off, watchdog, wanted = json.loads(kept[_DIGEST:])
        for _, _, root in wanted.get("ftp", {}).get("users", {}).values():
            if not os.stat(root)[0] & _IS_DIR:  # _settings() reports it
                return None
    except Exception:  # missing, or no memory: read config.json instead
        return None
    board = status.section("board")
    board["name"] = name
    if watchdog:
        board["watchdog"] = watchdog
    for service in off:
        status.section(service)["state"] = "off"
    return wanted


def _keep_ready(seed, status, wanted):
    """Write the file that _ready() reads. Without it, config.json is read at each boot."""
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
    """Return the SHA-256 of seed, config.json and kept. Raises OSError."""
    digest = sha256(seed)
    with open(_CONFIG, "rb") as file:
        digest.update(file.read())
    digest.update(kept)
    return digest.digest()


def _settings(rows, status, watchdog):
    """Return (name -> keyword arguments of each wanted service, problems, restart).

    restart: why the board must restart, or None.
    """
    import config
    import sections

    settings, problems, restart = _usable(config, sections, rows)
    board = status.section("board")
    board["name"] = settings.get("name", "outpost")
    if not settings and not problems:
        try:
            network = borrow("services.network.first", "settings")(board, config.put)
        except ImportError:  # a damaged module must not stop FTP
            network = None
        if network:
            settings["network"] = network
    if settings.get("watchdog") is False:
        board["watchdog"] = "off"  # boot.py acts on it
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
    """Return (settings, problems, restart), from config.json or from the last proven one.

    The proven one is used at once if config.json certainly cuts the board off: it isn't JSON, or
    no admin can log in while one can with the proven one. The network is judged by the trial.
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
    # boot.py has opened the network of config.json. It can't be opened twice, so restart.
    return settings, problems, why if settings.get("network") != network else None


def _is_better(config, sections, rows):
    """Whether an admin could log in under the last proven configuration."""
    proven = config.last()
    return proven is not None and not sections.no_way_in(proven, rows, [])


async def _fed(work, watchdog):
    """Await work, which hashes passwords slowly, and feed the watchdog meanwhile."""

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
    """Report a service that can't be made, on the console with its traceback; the others go on."""
    sys.print_exception(error)
    text = "%s: %s" % (type(error).__name__, error)
    status.section(name).update({"state": "failed", "error": text})
