"""Syslog: RFC 5424 to a real rsyslog, and what a collector that is away costs: nothing."""

import json
import random
import re
import time
from pathlib import Path

import jsonschema
import pytest

# RFC 5424 section 6, for what is sent here.
SYSLOG = re.compile(
    rb"<(?P<pri>\d{1,3})>1 (?P<time>-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (?P<host>[!-~]{1,255}) "
    rb'(?P<app>outpost) - (?P<msgid>[!-~]{1,32}) \[meta sequenceId="(?P<number>\d+)"'
    rb'(?: sysUpTime="(?P<uptime>\d+)")?\] (?P<bom>\xef\xbb\xbf)?(?P<text>.*)',
    re.DOTALL,
)
SCHEMAS = Path(__file__).parent.parent.parent / "docs" / "schemas"
ALONE = """
from services.log.syslog import Syslog
service = Syslog(status.section("log"), HOST, PORT, "weather-7")
"""
LINE = "2026-11-24T06:00:00Z INFO app/measured value=%d"


def parsed(packet):
    """A datagram's fields; AssertionError where it breaks RFC 5424 or its bounds."""
    assert len(packet) <= 480
    found = SYSLOG.fullmatch(packet)
    assert found, packet
    fields = found.groupdict()
    fields["text"] = fields["text"].decode()
    assert bool(fields["bom"]) == (not fields["text"].isascii())
    return fields


def packets_of(micropython, lines, host="weather-7"):
    """What the device's code makes of lines, each parsed."""
    script = f"""
import json
from services.log.syslog import datagram
for line in {lines!r}:
    print(json.dumps(list(datagram(line, {host!r}, 7))))
"""
    return [parsed(bytes(json.loads(text))) for text in micropython(script).splitlines()]


def test_the_parts_of_a_line_are_the_fields_of_the_message(micropython):
    lines = [f"2026-11-24T06:00:00Z {level} ftp/login ok=true user=ada" for level in (
        "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "5", "25", "45", "99", "x",
    )]  # fmt: skip
    found = packets_of(micropython, lines)
    assert [int(one["pri"]) - 16 * 8 for one in found] == [7, 6, 4, 3, 2, 7, 5, 3, 2, 6]
    assert {(one["time"], one["host"], one["msgid"], one["text"]) for one in found} == {
        (b"2026-11-24T06:00:00Z", b"weather-7", b"ftp/login", "ok=true user=ada")
    }


def test_while_the_clock_is_not_set_there_is_no_time_but_how_long_it_runs(micropython):
    (found,) = packets_of(micropython, ["uptime=12s INFO board/boot boots=3"])
    assert (found["time"], found["uptime"]) == (b"-", b"1200")


def test_names_that_a_header_cannot_hold(micropython):
    (found,) = packets_of(micropython, ["2026-11-24T06:00:00Z INFO pümpe text"], "my böard [1]")
    assert (found["host"], found["msgid"]) == (b"my_b_ard_[1]", b"p_mpe")
    (found,) = packets_of(micropython, ["2026-11-24T06:00:00Z INFO " + "n" * 50 + " text"], "")
    assert (found["host"], found["msgid"]) == (b"-", b"n" * 32)


def test_a_long_line_is_cut_between_two_characters(micropython):
    for char in "é", "☃", "😀":
        for shift in range(4):
            line = "2026-11-24T06:00:00Z INFO a " + "x" * shift + char * 300
            (found,) = packets_of(micropython, [line])
            assert set(found["text"]) <= {"x", char}
            assert len(found["text"]) > 90


def test_whatever_a_line_is_the_message_is_text_and_bounded(micropython):
    """Far from what the log makes of any event."""
    chance = random.Random(5424)
    chars = ' \x00\x1b\x7f\x85aé☃\u2028😀="]'
    lines = ["".join(chance.choices(chars, k=chance.randrange(400))) for _ in range(200)]
    script = f"""
from services.log.syslog import datagram
for line in {lines!r}:
    packet = datagram(line, line, 1)
    assert len(packet) <= 480
    packet.decode()
print("well")
"""
    assert micropython(script) == "well\n"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("udp://10.0.0.5:1514", ("10.0.0.5", 1514)),
        ("udp://logs.lan/", ("logs.lan", 514)),
        ("logs.lan:99", ("logs.lan", 99)),
        ("10.0.0.5", ("10.0.0.5", 514)),
        *[(wrong, None) for wrong in ("", ":514", "tcp://h:5", "h:0", "h:x", "h:", "[::1]", 5)],
        *[(wrong, None) for wrong in ("udp://u@h", "udp://h:65536", "a b", "udp://", "x" * 300)],
    ],
)
def test_what_config_json_may_say(micropython, given, expected):
    script = f"""
import json
from services.log.options import OPTIONS, collector
OPTIONS["syslog"](None)
try:
    OPTIONS["syslog"](json.loads({json.dumps(json.dumps(given))}))
    print(json.dumps(collector(json.loads({json.dumps(json.dumps(given))}))))
except ValueError as error:
    assert str(error).startswith("must "), error
    print("null")
"""
    found = json.loads(micropython(script))
    assert found == (list(expected) if expected else None)


def test_a_real_collector_reads_what_a_real_board_logs(rsyslog, start_board):
    board = start_board(config={"log": {"syslog": f"udp://127.0.0.1:{rsyslog.port}"}})
    session = board.ftp()
    name = "/snow ☃ \x1b[2J.csv"
    board.upload(session, name)
    boot = rsyslog.wait_for(msgid="board/boot")
    assert (boot["hostname"], boot["app-name"], boot["procid"]) == ("outpost", "outpost", "-")
    assert boot["syslogfacility"] == "16", "local0"
    assert boot["syslogseverity"] == "6", "informational"
    assert "boots=1" in boot["msg"]
    assert re.fullmatch(r'\[meta sequenceId="\d+" sysUpTime="\d+"\]', boot["structured-data"])
    stored = rsyslog.wait_for(msgid="ftp/transfer")
    assert "☃" in stored["msg"]
    assert "\x1b" not in stored["msg"]
    assert "event_type=stored" in stored["msg"]
    with pytest.raises(Exception, match="530"):
        board.ftp(password="wrong")
    refused = rsyslog.wait_for(msgid="ftp/login", syslogseverity="4")
    assert "wrong" not in refused["msg"].replace('"wrong password"', "")
    numbers = [re.search(r'Id="(\d+)"', one["structured-data"])[1] for one in rsyslog.messages]
    assert list(map(int, numbers)) == list(range(1, len(numbers) + 1)), "in order, none lost"
    section = json.loads(
        next(
            line[4:] for line in session.sendcmd("SITE status").splitlines() if '"syslog"' in line
        )
    )["log"]
    schema = json.loads((SCHEMAS / "state.json").read_text())
    rules = schema["properties"]["log"] | {"$defs": schema["$defs"]}
    jsonschema.validate(section, rules)
    status = " ".join(line[4:].strip() for line in board.status_lines())
    assert f"syslog 127.0.0.1:{rsyslog.port}" in status
    assert "syslog dropped 0" in status
    board.stop()
    rsyslog.wait_for(msgid="board/stop")


def test_the_time_is_the_boards_once_it_is_set(collector, start_board):
    board = start_board(config={"log": {"syslog": f"127.0.0.1:{collector.port}"}}, clock="real")
    board.ftp()
    found = parsed(collector.take())
    told = time.strptime(found["time"].decode(), "%Y-%m-%dT%H:%M:%SZ")
    assert abs(time.time() - time.mktime(told) + time.timezone) < 120


def test_a_collector_that_is_not_there_costs_nothing_and_is_found_when_it_comes(alone, collector):
    collector.close()
    device = alone(ALONE.replace("HOST", '"127.0.0.1"').replace("PORT", str(collector.port)))
    for number in range(4):
        device.ask(f"service.put({LINE % number!r})")
    device.wait_until("status.section('log')['syslog_error'] is not None")
    for number in range(4, 200):
        device.ask(f"service.put({LINE % number!r})")
    assert device.ask("stall()") < 250, "the loop went on"
    section = device.ask("status.section('log')")
    assert section["syslog_dropped"] >= 170
    assert section["syslog_sent"] + section["syslog_dropped"] <= 201
    collector.open()
    texts = [parsed(collector.take())["text"]]
    while texts[-1] != "value=199":
        texts.append(parsed(collector.take())["text"])
    assert len(texts) >= 20, "what waited has come, in order"
    assert texts == [f"value={number}" for number in range(200 - len(texts), 200)]
    device.wait_until("status.section('log')['syslog_error'] is None")


def test_a_network_that_comes_back_is_used_at_once(alone, collector):
    """Without the news of it, the next try would be up to a minute away."""
    setup = ALONE.replace("HOST", '"127.0.0.1"').replace("PORT", str(collector.port))
    setup += """
import services.log.syslog as module
reach = module.resolve
tries = 0
async def unreachable(host):
    global tries
    tries += 1
    raise OSError(113)
module.resolve = unreachable
real = asyncio.wait_for
asyncio.wait_for = lambda waiting, delay: real(waiting, 600)
async def network_up():
    module.resolve = reach
    service.renew()
"""
    setup += "service.put(%r)\n" % (LINE % 1)
    device = alone(setup)
    device.wait_until("tries == 1")
    assert device.ask("status.section('log')")["syslog_error"] == (
        "that host can't be reached (EHOSTUNREACH)"
    )
    device.ask("network_up()")
    assert parsed(collector.take())["text"] == "value=1"
    device.ask("service.renew()")
    device.ask(f"service.put({LINE % 2!r})")
    assert parsed(collector.take())["text"] == "value=2", "over a new socket"


def test_a_socket_that_fails_is_opened_anew(alone, collector):
    """As with the network below it; the line that met the failure comes, too."""
    device = alone(ALONE.replace("HOST", '"127.0.0.1"').replace("PORT", str(collector.port)))
    device.ask(f"service.put({LINE % 1!r})")
    assert parsed(collector.take())["text"] == "value=1"
    device.ask("service._udp.close()")
    device.ask(f"service.put({LINE % 2!r})")
    assert parsed(collector.take())["text"] == "value=2"


def test_the_last_words_are_sent_where_ctrl_c_has_ended_what_sends(alone, collector):
    device = alone(ALONE.replace("HOST", '"127.0.0.1"').replace("PORT", str(collector.port)))
    device.ask(f"service.put({LINE % 1!r})")
    assert parsed(collector.take())["text"] == "value=1"
    device.ask("(setattr(service, '_open', None), service._close())")
    device.ask(f"(service.put({LINE % 2!r}), service.last_words())")
    assert parsed(collector.take())["text"] == "value=2"


def test_a_name_is_resolved(alone, collector):
    device = alone(ALONE.replace("HOST", '"localhost"').replace("PORT", str(collector.port)))
    device.ask(f"service.put({LINE % 1!r})")
    assert parsed(collector.take())["text"] == "value=1"


def test_without_a_collector_the_module_is_not_loaded(board):
    said = board("""
Log(status, events, site)
say("loaded", "services.log.syslog" in sys.modules)
try:
    Log(status, events, site, syslog="127.0.0.1")
except ImportError as error:  # the prelude's root has no modules: so it is looked for now
    say("then", str(error))
""")
    assert said == {"loaded": False, "then": "no module named 'services.log.syslog'"}
