"""Tells Home Assistant what a board offers (MQTT device discovery); borrowed when it is sent.

The message is 4 KB and more, so it is made and sent piece by piece, twice: the first time to
count its bytes, which MQTT wants to know before.
"""

import json

from micropython import const

_PUBLISH_RETAINED = const(0x31)

# Entity -> its keys, abbreviated as Home Assistant's documentation lists them; a shared state
# topic (`~/state`) and availability stand at the root. Jinja's templates read what
# docs/schemas/state.json and info.json tell.
_DIAGNOSTIC = '"ent_cat":"diagnostic",'
_BYTES = '"dev_cla":"data_size","unit_of_meas":"B",'
_MS = '"dev_cla":"duration","unit_of_meas":"ms","stat_cla":"measurement",'
_ENTITIES = (
    (
        "last_boot",
        '"p":"sensor","name":"Last boot","dev_cla":"timestamp",'
        '"stat_t":"~/info","val_tpl":"{{ value_json.started }}"',
        _DIAGNOSTIC,
    ),
    (
        "boots",
        '"p":"sensor","name":"Boots","ic":"mdi:restart","stat_cla":"total_increasing",'
        '"stat_t":"~/info","val_tpl":"{{ value_json.boots }}"',
        _DIAGNOSTIC,
    ),
    (
        "heap_free",
        '"p":"sensor","name":"Free heap","stat_cla":"measurement",'
        '"val_tpl":"{{ value_json.heap.free_bytes }}"',
        _DIAGNOSTIC + _BYTES,
    ),
    (
        "flash_free",
        '"p":"sensor","name":"Free flash","stat_cla":"measurement",'
        '"val_tpl":"{{ value_json.flash.free_bytes }}"',
        _DIAGNOSTIC + _BYTES,
    ),
    (
        "rssi",
        '"p":"sensor","name":"Signal","dev_cla":"signal_strength","unit_of_meas":"dBm",'
        '"stat_cla":"measurement","val_tpl":"{{ value_json.network.rssi }}"',
        _DIAGNOSTIC,
    ),
    (
        "sessions",
        '"p":"sensor","name":"FTP sessions","ic":"mdi:account-multiple",'
        '"stat_cla":"measurement","val_tpl":"{{ value_json.ftp.sessions }}"',
        "",
    ),
    (
        "bytes_in",
        '"p":"sensor","name":"Bytes in","stat_cla":"total_increasing",'
        '"val_tpl":"{{ value_json.ftp.stored_bytes }}"',
        _BYTES,
    ),
    (
        "bytes_out",
        '"p":"sensor","name":"Bytes out","stat_cla":"total_increasing",'
        '"val_tpl":"{{ value_json.ftp.sent_bytes }}"',
        _BYTES,
    ),
    (
        "clock_offset",
        '"p":"sensor","name":"Clock offset","val_tpl":"{{ value_json.time.offset_ms }}"',
        _DIAGNOSTIC + _MS,
    ),
    (
        "longest_stall",
        '"p":"sensor","name":"Longest stall","val_tpl":"{{ value_json.loop.longest_stall_ms }}"',
        _DIAGNOSTIC + _MS,
    ),
    (
        "restarts",
        '"p":"sensor","name":"Service restarts","ic":"mdi:restart-alert",'
        '"stat_cla":"total_increasing","val_tpl":"{{ value_json.values() '
        "| selectattr('restarts', 'defined') | sum(attribute='restarts') }}\"",
        _DIAGNOSTIC,
    ),
    (
        "clock_set",
        '"p":"binary_sensor","name":"Clock set","ic":"mdi:clock-check",'
        "\"val_tpl\":\"{{ 'ON' if value_json.time.set else 'OFF' }}\"",
        _DIAGNOSTIC,
    ),
    (
        "problem",
        '"p":"binary_sensor","name":"Problem","dev_cla":"problem",'
        "\"val_tpl\":\"{{ 'ON' if value_json.values() | selectattr('state', 'defined') "
        "| selectattr('state', 'in', ['failed', 'waiting']) | list "
        "or value_json.values() | selectattr('problem', 'defined') "
        "| selectattr('problem') | list or value_json.config is defined else 'OFF' }}\"",
        "",
    ),
    (
        # Progress is left out: each would be an event of its own in Home Assistant's history.
        "transfer",
        '"p":"event","name":"Transfer","ic":"mdi:file-swap","stat_t":"~/event/ftp/transfer",'
        '"evt_typ":["started","stored","sent","failed","deleted","renamed"],'
        "\"val_tpl\":\"{{ value if value_json.event_type != 'progress' else '' }}\"",
        "",
    ),
)
# Not value_json.update: that is a method of a dict, which Home Assistant's sandbox refuses.
_UPDATE = (
    "update",
    '"p":"update","name":"Outpost","dev_cla":"firmware","val_tpl":"'
    "{% set update = value_json['update'] %}"
    "{{ {'installed_version': value_json.board.version, 'latest_version': update.to "
    "if update.phase in ['staged', 'applying', 'trial'] else value_json.board.version} "
    '| to_json }}"',
    "",
)
_BUTTONS = (
    (
        "reboot",
        '"p":"button","name":"Reboot","dev_cla":"restart","cmd_t":"~/command",'
        '"pl_prs":"reboot","ent_cat":"config"',
        "",
    ),
    (
        "sync",
        '"p":"button","name":"Set the clock","ic":"mdi:clock-check","cmd_t":"~/command",'
        '"pl_prs":"sync","ent_cat":"config"',
        "",
    ),
)


async def announce(connection, telemetry):
    """Publish the device, retained; what was announced before is replaced."""
    topic = _topic(telemetry.device)
    size = 2 + len(topic)
    for piece in _pieces(telemetry):
        size += len(piece)
    connection.whole = False
    connection.begin(_PUBLISH_RETAINED, size)
    connection.text(topic)
    for piece in _pieces(telemetry):
        connection.out.extend(piece)
        await connection.flush()
    connection.whole = True


def withdraw(connection, device):
    """Gather what removes a device that was announced."""
    connection.publish(_topic(device), b"", retain=True)


def _topic(device):
    return ("homeassistant/device/%s/config" % device).encode()


def _pieces(telemetry):
    """Yield the message in pieces of at most some hundred bytes."""
    device = telemetry.device
    board = telemetry.sections["board"]
    version = json.dumps(board.get("version"))
    yield (
        '{"dev":{"ids":"%s","name":%s,"mf":"Outpost","mdl":%s,"sw":%s},'
        % (device, json.dumps(board.get("name")), json.dumps(board.get("firmware")), version)
    ).encode()
    yield (
        '"o":{"name":"Outpost","sw":%s},"~":%s,' % (version, json.dumps(telemetry.base[:-1]))
    ).encode()
    yield b'"avty_t":"~/status","stat_t":"~/state","qos":0,"cmps":{'
    comma = ""
    for name, keys, more in _offered(telemetry.sections):
        yield (
            '%s"%s":{%s%s,"uniq_id":"%s-%s"}' % (comma, name, more, keys, device, name)
        ).encode()
        comma = ","
    for name, keys, _ in _BUTTONS:
        if telemetry.commands:
            yield (',"%s":{%s,"uniq_id":"%s-%s"}' % (name, keys, device, name)).encode()
        else:
            # A platform by itself takes away what was there when commands were allowed.
            yield (',"%s":{"p":"button"}' % name).encode()
    yield b"}}"


def _offered(sections):
    """Yield the entities that this board has."""
    timed = "set" in sections.get("time", ())
    for entity in _ENTITIES:
        if timed or entity[0] not in ("clock_offset", "clock_set"):
            yield entity
    if "to" in sections.get("update", ()):
        yield _UPDATE
