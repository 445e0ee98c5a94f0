"""The log service: what is logged, where it goes, and what never stops it."""

import re

ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def test_an_event_is_one_line_on_the_console_in_the_ring_and_in_the_file(any_board):
    said = any_board("""
log = Log(status, events, site)
async def main():
    task = await start(log)
    events.publish("ftp/login", user="ada", address="10.0.0.7", ok=True)
    await until(lambda: exists("/log/outpost.log"), "the file")
    say("ring", await site.run("log", "", True))
    await stop(task)
    say("file", lines())
asyncio.run(main())
""")
    [line] = any_board.console
    assert re.fullmatch(ISO + r" INFO ftp/login address=10\.0\.0\.7 ok=true user=ada", line)
    assert said == {"ring": [line], "file": [line]}


def test_the_applications_records_come_once_and_keep_their_loggers_name(any_board):
    said = any_board("""
logging.getLogger()  # micropython-lib gives the root a handler that prints
log = Log(status, events, site)
say("handlers", [type(one).__name__ for one in logging.getLogger().handlers])
async def main():
    task = await start(log)
    logging.getLogger("pump").info("%d litres", 40)
    logging.getLogger("pump").debug("not at INFO")
    logging.warning("at the root")
    try:
        1 / 0
    except ZeroDivisionError as error:
        logging.getLogger("pump").exception("stopped", exc_info=error)
    await stop(task)
asyncio.run(main())
""")
    assert said == {"handlers": ["_Handler"]}
    shown = [re.sub(ISO + " ", "", line) for line in any_board.console]
    assert shown[:3] == [
        "INFO pump 40 litres",
        "WARNING root at the root",
        "ERROR pump stopped",
    ]
    assert len(shown) == 4
    assert shown[3].startswith("ERROR pump Traceback (most recent call last):\\n")
    assert shown[3].endswith("ZeroDivisionError: divide by zero\\n")


def test_handlers_of_the_application_stay(board):
    said = board("""
class Own(logging.Handler):
    def emit(self, record):
        say("own", record.message)
logging.getLogger().addHandler(Own())
Log(status, events, site)
logging.getLogger("app").error("hot")
""")
    assert said == {"own": "hot"}


def test_level_filters_events_and_records(board):
    board("""
log = Log(status, events, site, level="WARNING")
async def main():
    task = await start(log)
    events.publish("ftp/login", user="ada", ok=True)
    events.publish("ftp/login", user="eve", ok=False)
    events.publish("service/state", service="ftp", state="running")
    events.publish("time/sync", server="a", offset_ms=3)
    logging.getLogger("app").info("no")
    logging.getLogger("app").error("yes")
    await stop(task)
asyncio.run(main())
""")
    assert [line.split(" ", 1)[1] for line in board.console] == [
        "WARNING ftp/login ok=false user=eve",
        "ERROR app yes",
    ]


def test_what_only_failed_again_is_left_to_level_debug(board):
    board("""
log = Log(status, events, site)
async def main():
    task = await start(log)
    events.publish("time/failed", error="no answer", again=None)
    events.publish("time/failed", error="no answer", again=True)
    await stop(task)
asyncio.run(main())
""")
    assert [line.split(" ", 1)[1] for line in board.console] == [
        'WARNING time/failed error="no answer"'
    ]


def test_newlines_are_escaped_secrets_hidden_and_lengths_bounded(board):
    said = board(r"""
say("event", event_text("x/y", dict(path="/a\nERROR forged", user="a b", empty="", n=1, no=None,
                                    password="hunter2", wifi_password="hunter2", ok=False,
                                    traceback="long")))
say("escape", event_text("x", dict(p="\x1b[2J\x7f")))
say("escape in one", event_text("x", dict(p="é\x9b2J")))
say("record with it", one_line("é\x9b31m"))
say("long", event_text("x", dict(p="a" * 500)))
say("record", one_line('say "hi"\r\n\x1b[31m'))
log = Log(status, events, site)
logging.getLogger("app").error("%s", "b" * 5000)
say("cut", len(asyncio.run(site.run("log", "", True))[0]))
""")
    assert said["event"] == (
        'x/y empty="" n=1 ok=false password=*** path="/a\\nERROR forged" user="a b"'
        " wifi_password=***"
    )
    assert said["escape"] == 'x p="\\u001b[2J\\u007f"'
    assert said["escape in one"] == 'x p="é\\u009b2J"'
    assert said["record with it"] == "é\\x9b31m"
    assert said["long"] == "x p=" + "a" * 120 + "..."
    assert said["record"] == 'say "hi"\\x0d\\n\\x1b[31m'
    assert said["cut"] <= 260


def test_before_the_clock_is_set_lines_count_the_seconds(board):
    said = board("""
import hal
year_2000 = 946684800
crash._started = year_2000
hal.unix_time = lambda: year_2000 + 75
say("unset", crash.time_text())
hal.unix_time = lambda: 1795378689
say("set", crash.time_text())
""")
    assert said == {"unset": "uptime=75s", "set": "2026-11-22T20:18:09Z"}


def test_lines_go_to_the_file_in_batches_and_errors_at_once(board):
    said = board("""
log = Log(status, events, site)
async def main():
    task = await start(log)
    events.publish("first")
    await until(lambda: exists("/log/outpost.log"), "the first write")
    for n in range(3):
        events.publish("held", n=n)
    await until(lambda: len(log._batch) == 3, "the batch")
    say("held", len(lines()))
    events.publish("task/crash", task="x", error="ValueError: y")
    await until(lambda: len(lines()) == 5, "the error, and what came before it")
    events.publish("last")
    await stop(task)
    say("stopped", len(lines()))
asyncio.run(main())
""")
    assert said == {"held": 1, "stopped": 6}


def test_batches_spare_the_flash(board):
    said = board("""
file = RotatingFile("/log/a", 100000, 1)
for n in range(20):
    file.write(["a line of a usual length, it has some sixty characters %d" % n] * 16)
batched = flash.writes
flash.writes = 0
for n in range(320):
    file.write(["a line of a usual length, it has some sixty characters %d" % n])
say("ratio", flash.writes / batched)
""")
    assert said["ratio"] > 8


def test_a_flood_is_bounded_and_its_drops_are_counted(board):
    said = board(
        """
log = Log(status, events, site, max_bytes=4096)
async def main():
    task = await start(log)
    gc.collect()
    before = gc.mem_alloc()
    for n in range(10000):
        events.publish("ftp/transfer", event_type="stored", path="/data/%d" % n, ok=True)
    gc.collect()
    say("grown", gc.mem_alloc() - before)
    await stop(task)
    say("dropped", status.section("log")["dropped"])
    say("failures", events.failures)
    say("problem", status.section("log").get("problem"))
    say("last", (await site.run("log", "1", True))[0])
    say("bytes", sum(os.stat("/log/" + name)[6] for name in os.listdir("/log")))
asyncio.run(main())
""",
        heap="320K",  # 128 KiB of it are the flash in memory
    )
    assert said["grown"] < 16 * 1024
    assert said["problem"] is None
    assert said["dropped"] == 10000 - 32
    assert said["failures"] == 0
    assert said["last"].endswith("path=/data/9999")
    assert said["bytes"] <= 3 * 4096
    assert any(line.endswith("WARNING log dropped=9968") for line in board.console)


def test_a_storm_of_errors_neither_stalls_the_loop_nor_wears_the_flash(board):
    said = board("""
log = Log(status, events, site)
writes = []
def counted(name, real):
    def call(*args):
        writes.append(name)
        return real(*args)
    return call
crash.save = counted("crash", crash.save)
log._file.write = counted("file", log._file.write)
async def main():
    task = await start(log)
    for n in range(160):
        events.publish("service/restart", service="app", error="E", traceback=traceback(str(n)))
        await asyncio.sleep_ms(1)
    say("writes", [writes.count("crash"), writes.count("file")])
    await stop(task)
    say("crash", crash.load().strip())
asyncio.run(main())
""")
    assert said["writes"][0] == 1
    assert said["writes"][1] <= 160 / 12 + 3
    assert said["crash"].endswith("ValueError: 159"), "the last one is saved when the log stops"


def test_a_full_disk_is_counted_and_shown_and_logging_goes_on_when_there_is_room(board):
    said = board("""
log = Log(status, events, site)
section = status.section("log")
ramflash.fill()
async def main():
    task = await start(log)
    for n in range(40):
        logging.error("no room for this line, which is one of many %d", n)
        await asyncio.sleep_ms(1)
    await until(lambda: section["dropped"], "the loss")
    say("problem", section["problem"])
    say("ring", len(await site.run("log", "5", True)))
    os.remove("/filler")
    events.publish("task/crash", task="x", error="room again")
    await until(lambda: section["problem"] is None, "the write")
    await stop(task)
    say("last", lines()[-1])
asyncio.run(main())
""")
    assert said["problem"] == "/log/outpost.log: no space left"
    assert said["ring"] == 5
    assert said["last"].endswith('task/crash error="room again" task=x')


def test_a_folder_that_was_removed_is_made_again(board):
    said = board("""
file = RotatingFile("/a/b/c.log", 4096, 1)
file.write(["one"])
os.remove("/a/b/c.log")
os.rmdir("/a/b")
file.write(["two"])
say("lines", lines("/a/b/c.log"))
os.remove("/a/b/c.log")
os.rmdir("/a/b")
with open("/a/b", "w"):
    pass
try:
    file.write(["three"])
except OSError as error:
    say("error", error.errno)
""")
    assert said == {"lines": ["two"], "error": 20}


def test_without_a_path_there_is_no_file(board):
    said = board("""
log = Log(status, events, site, path=None)
async def main():
    task = await start(log)
    events.publish("task/crash", task="x", error="y")
    await stop(task)
asyncio.run(main())
say("root", os.listdir("/"))
say("dropped", status.section("log")["dropped"])
""")
    assert said == {"root": [], "dropped": 0}
    assert len(board.console) == 1


def test_the_service_may_run_again(board):
    said = board("""
log = Log(status, events, site)
async def main():
    for n in range(2):
        task = await start(log)
        events.publish("round", n=n)
        await asyncio.sleep_ms(1)
        await stop(task)
    say("lines", [line.split(" ", 1)[1] for line in lines()])
asyncio.run(main())
""")
    assert said["lines"] == ["INFO round n=0", "INFO round n=1"]


def test_site_log_shows_the_last_lines_and_refuses_what_it_does_not_know(board):
    said = board("""
log = Log(status, events, site)
for n in range(30):
    events.publish("line", n=n)
def ask(arg, admin=True):
    try:
        return asyncio.run(site.run("log", arg, admin))
    except (ValueError, OSError) as error:
        return type(error).__name__
say("three", [line.rsplit("=")[1] for line in ask("3")])
say("default", len(ask("")))
say("most", len(ask("1000")))
say("none", ask("0"))
say("wrong", [ask("-1"), ask("x"), ask("3", admin=False)])
say("crash", ask("crash"))
""")
    assert said == {
        "three": ["27", "28", "29"],
        "default": 12,
        "most": 12,
        "none": [],
        "wrong": ["ValueError", "ValueError", "OSError"],
        "crash": ["There was no crash."],
    }


def test_options_are_checked_by_name(board):
    said = board("""
problems = []
given = {"level": "LOUD", "path": "log", "max_bytes": 5, "keep": 3, "syslog": None}
say("good", config.check("log", given, OPTIONS, problems))
say("problems", sorted(problems))
""")
    assert said["good"] == {"keep": 3, "syslog": None}
    assert [problem.split(";")[0] for problem in said["problems"]] == [
        "log.level: must be DEBUG, INFO, WARNING, ERROR or CRITICAL",
        "log.max_bytes: must be a whole number from 1024 to 16777216, not 5",
        "log.path: must be a path such as /log/outpost.log, or null for no file",
    ]
