"""The applications of docs/application.md, as they stand there, on simulated boards."""

import contextlib
import ftplib
import http.server
import re
import threading
import time
from pathlib import Path

import pytest
from outpost.sim.flash import Flash

PAGE = (Path(__file__).parents[2] / "docs" / "application.md").read_text()
PATIENCE_S = 30
# What stands for a pin and a converter, which a simulated board has not.
THERMOMETER = "left = [3.04, 21.5]\ndef read_c():\n    return left.pop() if left else 1.5\n"
PUMP = "def switch(on):\n    print('PUMP', 'on' if on else 'off')\n"


def sample(path):
    """The text of a file that the page shows."""
    return re.search(rf"^`{re.escape(path)}`.*?\n```python\n(.*?)```", PAGE, re.S | re.M)[1]


@pytest.fixture
def run(start_board, mosquitto):
    """Run an application: (module, files, settings={}, commands=False) -> a board that serves."""

    def started(module, files, settings=None, commands=False):
        board = start_board(
            config={
                "app": {"module": module, "settings": settings or {}},
                "telemetry": {"broker": mosquitto.url, "every_s": 5, "commands": commands},
            }
        )
        board.allow_traceback = True  # until its files are there the module is missing
        board.stop()
        with Flash(board.flash) as flash:
            for path, text in files.items():
                flash.write(path, text.encode())
        board.start()
        board.wait_ready()
        return board

    return started


def test_the_sensor_tells_home_assistant_the_log_and_the_broker(run, subscriber):
    files = {"/greenhouse.py": sample("/greenhouse.py"), "/thermometer.py": THERMOMETER}
    board = run("greenhouse", files, {"every_s": 1, "frost_c": 2.5})

    subscriber.wait_for("/config")
    frost = subscriber.wait_for("/event/app/frost").json
    assert frost["soil_c"] == 1.5
    assert "soil_c=1.5" in board.console
    assert "frost: 1.5" in board.console
    deadline = time.monotonic() + PATIENCE_S
    while "app_soil_c" not in (told := subscriber.matching("/config")[-1].json["cmps"]):
        assert time.monotonic() < deadline, told
        time.sleep(0.1)
    entity = told["app_soil_c"]
    assert entity["name"] == "Soil temperature"
    assert (entity["unit_of_meas"], entity["dev_cla"]) == ("°C", "temperature")
    assert entity["val_tpl"] == "{{ value_json.app.soil_c }}"
    assert "soil c 1.5" in board.stat(board.ftp())


def test_the_pump_hears_site_tell_and_the_broker(run, mosquitto, subscriber):
    files = {"/irrigation.py": sample("/irrigation.py"), "/pump.py": PUMP}
    board = run("irrigation", files, commands=True)
    session = board.ftp()

    assert "the pump runs for 600 s" in session.sendcmd("SITE tell on 9999")
    board.wait_console("PUMP on")
    assert "the pump runs for 0 s" in session.sendcmd("SITE tell off")
    with pytest.raises(Exception, match="501 say on SECONDS, or off"):
        session.sendcmd("SITE tell faster")

    base = subscriber.wait_for("/info").topic.rpartition("/")[0]
    mosquitto.publish(base + "/command", b"app on 2")
    done = subscriber.wait_for("/event/command/done").json
    assert (done["command"], done["ok"]) == ("app", True)
    assert done["text"] == "the pump runs for 2 s"
    start = board.console.rindex("PUMP on")
    board.wait_console("PUMP off", start=start)


def test_a_command_that_nobody_hears_is_refused(start_board):
    board = start_board()
    session = board.ftp()
    with pytest.raises(Exception, match=r"50[04]"):
        session.sendcmd("SITE tell on")


@contextlib.contextmanager
def web_server(answers):
    """A server that takes PUT, and answers with these statuses in turn; what it got, its port."""
    got = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            status = answers.pop(0)
            if status == 201:
                got[self.path] = content
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield got, server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_the_uploader_keeps_a_file_until_the_server_has_it(run, subscriber):
    with web_server([503, 201]) as (got, port):
        files = {"/uploader.py": sample("/uploader.py")}
        board = run("uploader", files, {"host": "127.0.0.1", "port": port})
        session = board.ftp()
        content = bytes(range(256)) * 20
        board.upload(session, "/outbox/picture.jpg", content)

        assert subscriber.wait_for("/event/app/sent").json["name"] == "picture.jpg"
        assert got == {"/picture.jpg": content}
        assert session.nlst("/outbox") == []
        assert "the server says HTTP/1.0 503" in board.console


ODD = """
import asyncio, sys

async def run(outpost):
    try:
        outpost.sensor("Soil temperature")
    except ValueError as error:
        print("REFUSED", error)
    def heard(text):
        if text == "exit":
            sys.exit(4)
        if text == "lines":
            raise ValueError("one\\r\\n200 two" + "x" * 500)
        raise OSError("the relay is stuck")
    outpost.on_command(heard)
    print("SETTINGS", outpost.settings.get("deep"), outpost.board.sections["board"]["name"])
    await asyncio.sleep(3600)
"""


def test_what_a_handler_raises_is_told_and_ends_nothing(run):
    board = run("odd", {"/odd.py": ODD}, {"deep": {"list": [1, None]}})
    board.wait_console("REFUSED a sensor's key has small letters, digits and _ alone")
    board.wait_console("SETTINGS {'list': [1, None]}")
    session = board.ftp()
    with pytest.raises(Exception, match="501 OSError: the relay is stuck"):
        session.sendcmd("SITE tell on")
    with pytest.raises(ftplib.error_perm) as refused:
        session.sendcmd("SITE tell lines")
    assert str(refused.value).startswith("501 one  200 two")
    assert len(str(refused.value)) < 220
    with pytest.raises(ftplib.error_perm, match="501 RuntimeError: SystemExit: 4"):
        session.sendcmd("SITE tell exit")
    assert "app        running" in board.stat(session)


ODD_WORDS = """
import asyncio

async def run(outpost):
    outpost.sensor("odd", b"\\xff", unit=float("inf"), device_class=["x"])
    outpost.publish("beds/#", water="+")
    outpost.publish("+", half=chr(0xD83D))
    outpost.publish("fine")
    await asyncio.Event().wait()
"""


def test_no_topic_and_no_name_of_a_sensor_ends_the_connection_to_a_broker(run, subscriber):
    board = run("words", {"/words.py": ODD_WORDS})

    subscriber.wait_for("/event/app/fine")

    assert subscriber.wait_for("/event/app/beds/_").json["water"] == "+"
    assert subscriber.wait_for("/event/app/_").json["half"] == " "
    deadline = time.monotonic() + PATIENCE_S
    while "app_odd" not in (told := subscriber.matching("/config")[-1].json["cmps"]):
        assert time.monotonic() < deadline, told
        time.sleep(0.1)
    assert told["app_odd"]["name"] == "b'\\xff'"
    assert "telemetry/down" not in board.console


TYPES = """
async def run({}):
    print("RAN", {})
    int("x", None, 3, 4)
"""


@pytest.mark.parametrize(
    ("takes", "shows"), [("outpost", "outpost.settings"), ("status, events", "bool(events)")]
)
def test_a_type_error_of_its_own_stays_its_own(run, takes, shows):
    board = run("typed", {"/typed.py": TYPES.format(takes, shows)})
    said = board.wait_console("RAN ")
    begins = board.wait_console('error="TypeError: ', start=said)
    ends = board.wait_console('"', start=begins)
    assert "argument" in board.console[begins:ends]


def test_settings_that_are_no_object_are_named(start_board):
    board = start_board(config={"app": {"module": "none", "settings": [1]}})
    board.allow_traceback = True
    board.wait_console("app.settings: must be an object")
