"""The last traceback: saved at once, found after a reset, short in STAT and whole in SITE."""


def test_a_crash_is_saved_before_any_task_runs_and_found_after_the_reset(any_board):
    said = any_board("""
log = Log(status, events, site)
say("none", status.section("log")["last_crash"])
events.publish("service/restart", service="ftp", error="ValueError: broken", failures=1,
               traceback=traceback("broken"), delay_s=1)
flash = ramflash.again(flash)  # the log's task never ran
events = Events()
log = Log(status, events, site)
say("last", status.section("log")["last_crash"])
say("whole", list(asyncio.run(site.run("log", "crash", True))))
say("stat", any("last crash" in line for line in status.lines()))
""")
    assert said["none"] is None
    time, rest = said["last"].split(" ", 1)
    assert rest.startswith("ValueError: broken at ")
    assert rest.rsplit("/", 1)[1].startswith("script0.py:")
    assert said["whole"][0] == time
    assert said["whole"][1] == "Traceback (most recent call last):"
    assert said["whole"][-2] == "ValueError: broken"
    assert said["stat"]


def test_the_line_of_a_crash_says_where(board):
    board("""
log = Log(status, events, site)
async def main():
    task = await start(log)
    events.publish("task/crash", task="ftp", error="ValueError: broken", traceback=traceback())
    await stop(task)
asyncio.run(main())
""")
    [line] = board.console
    assert ' ERROR task/crash error="ValueError: broken" task=ftp at=' in line
    assert "script0.py:" in line
    assert "Traceback" not in line


def test_summary_copes_with_any_text(board):
    said = board(r"""
trace = "12:00\nTraceback (most recent call last):\n  File \"a.py\", line 3, in f\n" \
        "  File \"/services/x.py\", line 42, in run\nOSError: [Errno 28] ENOSPC\n"
say("usual", crash.summary(trace))
cut = "...ces/x.py\", line 4, in f\n  File \"b.py\", line 5\nKeyError: x"
say("cut", crash.summary("12:00\n" + cut))
say("bare", crash.summary("12:00\nMemoryError: "))
odd = ("", "x", "a\n", "a\n  File \"b", "a\n  File \"b\"\n")
say("odd", [crash.summary(text) for text in odd])
say("place", [crash.place(text) for text in (trace, "", "File")])
""")
    assert said["usual"] == "12:00 OSError: [Errno 28] ENOSPC at /services/x.py:42"
    assert said["cut"] == "12:00 KeyError: x at b.py:5"
    assert said["bare"] == "12:00 MemoryError:  at ?"
    assert all(text.endswith(" at ?") for text in said["odd"])
    assert said["place"] == ["/services/x.py:42", "", ""]


def test_save_and_load_work_without_the_service(micropython):
    out = micropython("""
import sys
import ramflash
flash = ramflash.RamFlash()
from services.log import crash
assert "logging" not in sys.modules and "asyncio" not in sys.modules
ramflash.mount(flash)
assert crash.load() is None
crash.save("first")
crash.save("second")
print(crash.load().split("\\n")[1])
""")
    assert out == "second\n"


def test_without_micropython_lib_only_the_service_fails(micropython):
    out = micropython("""
import os
import sys

def has_logging(folder):
    try:
        os.stat(folder + "/logging.py")
        return True
    except OSError:
        return False

sys.path[:] = [folder for folder in sys.path if not has_logging(folder)]
from services.events import Events
from services.log import crash
from services.site import SiteCommands
from services.status import Status

status = Status()
kind = __import__("services.log", None, None, ("Log",)).Log
try:
    kind(status, Events(), SiteCommands())
except ImportError as error:
    print(error)
status.section("app")["state"] = "off"
print(kind(status, Events(), SiteCommands()).name, "runs where there is no application")
""")
    assert "logging" in out.splitlines()[0]
    assert out.splitlines()[1] == "log runs where there is no application"


def test_a_crash_that_cannot_be_saved_is_shown_and_stops_nothing(board):
    said = board("""
with open("/log", "w"):
    pass  # a file where the folder should be
log = Log(status, events, site)
events.publish("task/crash", task="x", error="y", traceback=traceback())
say("problem", status.section("log")["problem"])
say("failures", events.failures)
""")
    assert said["problem"].startswith("/log/crash.txt: ")
    assert said["failures"] == 0


def test_a_power_cut_while_a_crash_is_saved_leaves_the_old_one_or_the_new_one(board):
    said = board(
        """
old, new = "old " * 150, "new " * 150
found = {}
def check(done):
    kept = crash.load().split("\\n")[1]
    assert kept == (new if done else kept) and kept in (old, new), kept
    found[kept[:3]] = True
say("cuts", ramflash.at_every_write(lambda: crash.save(old), lambda: crash.save(new), check))
say("found", sorted(found))
""",
        timeout=60,
    )
    assert said["cuts"] > 3
    assert said["found"] == ["new", "old"]


def test_the_old_crash_stays_until_the_new_one_is_whole(board):
    said = board("""
crash.save("old")
class RenameFails:
    remove = staticmethod(os.remove)
    def rename(*names):
        raise OSError(5)
from hal import files
files.os = RenameFails
try:
    crash.save("new")
except OSError:
    say("kept", crash.load().split("\\n")[1])
""")
    assert said == {"kept": "old"}
