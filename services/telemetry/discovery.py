"""Announces the board to Home Assistant (MQTT device discovery); borrowed when it is sent.

The message is over 4 KB, so it is made and sent in pieces, twice: first only to count its bytes,
because MQTT sends the length first.
"""

import json

from micropython import const

from services.borrow import borrow
from services.telemetry.session import said

_PUBLISH_RETAINED = const(0x31)

# Each entity is its name, a space, and its keys, in Home Assistant's documented abbreviations. A
# shared state topic (`~/state`) and availability are at the root. The Jinja templates read the
# fields of docs/schemas/state.json and info.json. As text, because names in a dictionary would
# stay in the table of interned names for good.
_ENTITIES = (
    'last_boot "p":"sensor","ent_cat":"diagnostic","name":"Last boot","dev_cla":"timestamp",'
    '"stat_t":"~/info","val_tpl":"{{ value_json.started }}"',
    'boots "p":"sensor","ent_cat":"diagnostic","name":"Boots","ic":"mdi:restart",'
    '"stat_cla":"total_increasing","stat_t":"~/info","val_tpl":"{{ value_json.boots }}"',
    'heap_free "p":"sensor","ent_cat":"diagnostic","dev_cla":"data_size","unit_of_meas":"B",'
    '"name":"Free heap","stat_cla":"measurement","val_tpl":"{{ value_json.heap.free_bytes }}"',
    'flash_free "p":"sensor","ent_cat":"diagnostic","dev_cla":"data_size","unit_of_meas":"B",'
    '"name":"Free flash","stat_cla":"measurement","val_tpl":"{{ value_json.flash.free_bytes }}"',
    'rssi "p":"sensor","ent_cat":"diagnostic","name":"Signal","dev_cla":"signal_strength",'
    '"unit_of_meas":"dBm","stat_cla":"measurement","val_tpl":"{{ value_json.network.rssi }}"',
    'sessions "p":"sensor","name":"FTP sessions","ic":"mdi:account-multiple",'
    '"stat_cla":"measurement","val_tpl":"{{ value_json.ftp.sessions }}"',
    'bytes_in "p":"sensor","dev_cla":"data_size","unit_of_meas":"B","name":"Bytes in",'
    '"stat_cla":"total_increasing","val_tpl":"{{ value_json.ftp.stored_bytes }}"',
    'bytes_out "p":"sensor","dev_cla":"data_size","unit_of_meas":"B","name":"Bytes out",'
    '"stat_cla":"total_increasing","val_tpl":"{{ value_json.ftp.sent_bytes }}"',
    'clock_offset "p":"sensor","ent_cat":"diagnostic","dev_cla":"duration","unit_of_meas":"ms",'
    '"stat_cla":"measurement","name":"Clock offset","val_tpl":"{{ value_json.time.offset_ms }}"',
    'longest_stall "p":"sensor","ent_cat":"diagnostic","dev_cla":"duration",'
    '"unit_of_meas":"ms","stat_cla":"measurement","name":"Longest stall","val_tpl":"{{ '
    'value_json.loop.longest_stall_ms }}"',
    'restarts "p":"sensor","ent_cat":"diagnostic","name":"Service restarts",'
    '"ic":"mdi:restart-alert","stat_cla":"total_increasing","val_tpl":"{{ value_json.values() '
    "| selectattr('restarts', 'defined') | sum(attribute='restarts') }}\"",
    'clock_set "p":"binary_sensor","ent_cat":"diagnostic","name":"Clock set",'
    '"ic":"mdi:clock-check","val_tpl":"{{ \'ON\' if value_json.time.set else \'OFF\' }}"',
    'problem "p":"binary_sensor","name":"Problem","dev_cla":"problem","val_tpl":"{{ '
    "'ON' if value_json.values() | selectattr('state', 'defined') | selectattr('state', 'in', "
    "['failed', 'waiting']) | list or value_json.values() | selectattr('problem', 'defined') | "
    "selectattr('problem') | list or (value_json.config | default({})).problems is defined or "
    "(value_json.config | default({})).reason is defined else 'OFF' }}\"",
    # Without progress: each would be an event of its own in Home Assistant's history.
    'transfer "p":"event","name":"Transfer","ic":"mdi:file-swap",'
    '"stat_t":"~/event/ftp/transfer","evt_typ":["started","stored","sent","failed","deleted",'
    '"renamed"],"val_tpl":"{{ value if value_json.event_type != \'progress\' else \'\' }}"',
)
# Not value_json.update: that is a dict's method, which Home Assistant's sandbox refuses.
_UPDATE = (
    'update "p":"update","name":"Update","dev_cla":"firmware","val_tpl":"{% set update = '
    "value_json['update'] %}{{ {'installed_version': value_json.board.version, "
    "'latest_version': update.to if update.phase in ['staged', 'applying', 'trial'] else "
    'value_json.board.version} | to_json }}"'
)
_BUTTONS = (
    'reboot "p":"button","name":"Reboot","dev_cla":"restart","cmd_t":"~/command",'
    '"pl_prs":"reboot","ent_cat":"config"',
    'sync "p":"button","name":"Set the clock","ic":"mdi:clock-check","cmd_t":"~/command",'
    '"pl_prs":"sync","ent_cat":"config"',
)


async def announce(connection, telemetry):
    """Publish the device, retained; this replaces what was announced before."""
    topic = borrow("services.telemetry.greeting", "home")(telemetry)[0].encode()
    size = 0
    for piece in _pieces(telemetry):
        size += len(piece)
    connection.whole = False
    connection.begin(_PUBLISH_RETAINED, 2 + len(topic) + size)
    connection.text(topic)
    for piece in _pieces(telemetry):
        size -= len(piece)
        connection.out.extend(piece)
        await connection.flush()
    if size:  # the broker would read the next packet as the rest of this one
        raise OSError("the status changed while it was described")
    connection.whole = True
    await connection.confirm()
    said(telemetry)


def _pieces(telemetry):
    """Yield the message in pieces of at most some hundred bytes."""
    device = telemetry.device
    board = telemetry.sections["board"]
    outpost = runs = board.get("outpost")
    if board.get("application"):
        runs = "%s, application %s" % (outpost, board["application"])
    name, model, runs = [
        json.dumps(text) for text in (board.get("name"), board.get("firmware"), runs)
    ]
    yield (
        '{"dev":{"ids":"%s","name":%s,"mf":"Outpost","mdl":%s,"sw":%s},'
        % (device, name, model, runs)
    ).encode()
    yield (
        '"o":{"name":"Outpost","sw":%s},"~":%s,'
        % (json.dumps(outpost), json.dumps(telemetry.base[:-1]))
    ).encode()
    yield b'"avty_t":"~/status","stat_t":"~/state","qos":0,"cmps":{'
    comma = b""
    for entity in _offered(telemetry.sections):
        yield comma + _described(entity, device)
        comma = b","
    for key in telemetry.sensors:
        yield b"," + _described(_sensor(key, *telemetry.sensors[key]), device)
    for entity in _BUTTONS:
        # An entity with only its platform removes the button of a time when commands were allowed.
        removed = entity.split(",", 1)[0]
        yield b"," + _described(entity if telemetry.commands else removed, device)
    yield b"}}"


def _offered(sections):
    """Yield the entities that apply to this board."""
    timed = "set" in sections.get("time", ())
    for entity in _ENTITIES:
        if timed or not entity.startswith("clock_"):
            yield entity
    if "to" in sections.get("update", ()):
        yield _UPDATE


def _sensor(key, name, unit, device_class):
    """Return the entity of a value that the application writes into its section."""
    text = 'app_%s "p":"sensor","name":%s,' % (key, json.dumps(name))
    if unit:
        text += '"stat_cla":"measurement","unit_of_meas":%s,' % json.dumps(unit)
    if device_class:
        text += '"dev_cla":%s,' % json.dumps(device_class)
    return text + '"val_tpl":"{{ value_json.app.%s }}"' % key


def _described(entity, device):
    """Return an entity as a member of a JSON object; if it has only a platform, without an id."""
    name, _, keys = entity.partition(" ")
    if "," in keys:
        keys += ',"uniq_id":"%s-%s"' % (device, name)
    return ('"%s":{%s}' % (name, keys)).encode()
