"""The simulated board: boot, resets, watchdog, clock, power cuts, stopping and dying."""

import os
import re
import signal
import time
from pathlib import Path

import pytest
from outpost.sim.boards import BOARDS
from outpost.sim.clock import Haste, libfaketime
from outpost.sim.desk import Board, BoardFailed
from outpost.sim.flash import Flash
from outpost.sim.interpreters import interpreter

needs_faketime = pytest.mark.skipif(
    not libfaketime(), reason="NOT TESTED: libfaketime is not installed (Debian package faketime)"
)


class TestBoot:
    def test_a_board_that_was_never_started_says_so(self, tmp_path):
        board = Board(tmp_path / "flash")

        assert board.wait_end(timeout=1) == "off"
        with pytest.raises(BoardFailed, match="never started"):
            assert board.pid

    def test_boot_then_main_run_in_one_namespace_called_main(self, run):
        board = run("print(__name__, x)", boot="x = 5\nprint('boot')")

        board.wait_console("boot\n__main__ 5\n")

    def test_paths_are_those_of_a_board(self, run):
        board = run("import os, sys\nprint(sys.path, sys.argv, os.getcwd())")

        board.wait_console("['', '.frozen', '/lib'] [] /\n")

    def test_an_error_in_boot_is_shown_and_main_does_not_run(self, run):
        board = run("print('main')", boot="def f():\n    raise ValueError('why')\nf()")
        board.allow_traceback = board.allow_death = True

        assert board.wait_end(timeout=10) == "died"

        assert "main\n" not in board.console
        assert re.search(
            r'(?s)Traceback.*\n  File "/boot.py", line 3, in <module>\n'
            r'  File "/boot.py", line 2, in f\nValueError: why\n',
            board.console,
        )

    def test_the_heap_is_the_size_that_was_asked_for(self, run):
        total = "import gc\nprint('heap', gc.mem_free() + gc.mem_alloc())"

        board = run(total, heap="64wK", profile=BOARDS["desk"])

        board.wait_console("\n")
        size = 64 * 1024 * board.interpreter.bits // 32
        assert size * 15 // 16 < int(board.console.split()[1]) <= size

    @pytest.mark.parametrize("bits", [32, 64])
    @pytest.mark.parametrize("profile", BOARDS.values(), ids=BOARDS)
    def test_the_simulator_leaves_the_heap_to_the_board(self, run, profile, bits):
        board = run(
            "import gc\ngc.collect()\nprint(gc.mem_free(), gc.mem_alloc())",
            profile=profile,
            bits=bits,
        )

        board.wait_console("\n")

        free, taken = map(int, board.console.split())
        at_the_prompt = 4_600  # bytes that firmware takes [measured on a Pico W]
        if profile.port != "unix":  # there `gc` is the interpreter's own
            assert taken == pytest.approx(at_the_prompt, abs=500)
            assert free + taken == pytest.approx(profile.heap, rel=0.02)
        if bits == 32:
            assert free == pytest.approx(profile.heap - at_the_prompt, abs=1_500)

    @pytest.mark.parametrize("profile", BOARDS.values(), ids=BOARDS)
    def test_the_flash_has_the_size_of_the_boards(self, run, profile):
        board = run("import os\nprint(os.statvfs('/')[:3])", profile=profile)

        board.wait_console(f"(4096, 4096, {profile.blocks})\n")

    def test_modules_are_compiled_unless_their_source_is_asked_for(self, run):
        compiled = run("import os\nprint(sorted(os.listdir()))", modules={"extra": "x = 1"})
        source = run(
            "import os\nprint(sorted(os.listdir()))", modules={"extra": "x = 1"}, source=True
        )

        compiled.wait_console("['boot.py', 'main.py', 'outpost.bin']\n")
        source.wait_console("['boot.py', 'extra.py', 'main.py']\n")

    def test_a_mounted_folder_is_read_and_written(self, run, tmp_path):
        card = tmp_path / "card"
        card.mkdir()
        (card / "in.txt").write_text("from the host")
        text = "print(open('/sd/in.txt').read())\nf = open('/sd/out.txt', 'w')\n"

        board = run(text + "f.write('x' * 9)\nf.close()\nprint('done')",
                    mounts=[(card, "/sd")])  # fmt: skip

        board.wait_console("from the host\ndone\n")
        assert (card / "out.txt").read_text() == "x" * 9

    def test_a_board_knows_itself_by_its_flash(self, run, tmp_path):
        number = "import machine\nprint('id', machine.unique_id().hex())"
        first, other = run(number), run(number)
        first.wait_console("\n")
        other.wait_console("\n")
        first.stop()
        first.start()
        first.wait_console("\n", start=16)

        ids = re.findall("id ([0-9a-f]{12})\n", first.console)
        assert len(ids) == 2
        assert ids[0] == ids[1]
        assert ids[0] not in other.console


class TestReset:
    def test_a_reset_starts_the_board_again_and_keeps_the_cause_and_the_files(self, run):
        board = run(
            """
            import machine, os
            if machine.reset_cause() == machine.PWRON_RESET:
                open("/kept", "w").close()
                machine.reset()
            print(machine.reset_cause() == machine.HARD_RESET, "kept" in os.listdir())
            """,
            profile=BOARDS["esp32"],
        )

        board.wait_console("True True\n")
        assert board.resets == 1

    def test_a_watchdog_that_is_not_fed_resets_the_board(self, run):
        board = run(
            """
            import machine, time
            if machine.reset_cause() == machine.WDT_RESET:
                print("bitten")
            else:
                dog = machine.WDT(timeout=400)
                for _ in range(8):
                    time.sleep_ms(100)
                    dog.feed()
                print("fed")
            """
        )

        fed = board.wait_console("fed\n")
        began = time.monotonic()
        board.wait_console("bitten\n", start=fed)
        assert time.monotonic() - began > 0.2

    def test_a_frozen_board_is_reset_too(self, run):
        board = run("import machine\nmachine.WDT(timeout=300)\nprint('on', machine.reset_cause())")
        board.wait_console("on 1\n")

        os.kill(board.pid, signal.SIGSTOP)

        board.wait_console("on 3\n")

    def test_soft_reset_is_system_exit(self, run):
        board = run(
            """
            import machine, sys
            if machine.reset_cause() == machine.PWRON_RESET:
                sys.exit()
            print(machine.reset_cause() == machine.SOFT_RESET)
            """,
            profile=BOARDS["esp32"],
        )

        board.wait_console("True\n")

    def test_deep_sleep_without_a_time_ends_the_board(self, run):
        board = run("import machine\nmachine.deepsleep()", profile=BOARDS["esp32"])

        assert board.wait_end(10) == "asleep"

    def test_deep_sleep_with_a_time_starts_again(self, run):
        board = run("import machine\nc = machine.reset_cause()\nprint('cause', c)\n"
                    "if c == 1:\n    machine.deepsleep(100)", profile=BOARDS["esp32"])  # fmt: skip

        board.wait_console("cause 4\n")

    def test_a_board_that_only_resets_is_dead(self, start_board, tree):
        board = start_board(tree("import machine\nmachine.reset()"), wait=False)
        board.allow_death = True

        assert board.wait_end(20) == "died"
        assert "5 times in a row" in board.reason


@needs_faketime
class TestClock:
    def test_it_starts_at_2000_and_is_set_at_once(self, run):
        board = run(
            """
            import machine, time
            print(time.time())
            clock = machine.RTC()
            clock.datetime((2031, 5, 6, 1, 7, 8, 9, 0))
            print(clock.datetime()[:7], time.gmtime()[:6])
            """
        )

        board.wait_console("(2031, 5, 6, 1, 7, 8, 9) (2031, 5, 6, 7, 8, 9)\n")
        assert 946_684_800 <= float(board.console.split()[0]) < 946_684_805

    def test_files_get_the_boards_time(self, run):
        board = run(
            """
            import machine, os
            open("early", "w").close()
            machine.RTC().datetime((2031, 5, 6, 1, 7, 8, 9, 0))
            open("late", "w").close()
            print(os.stat("early")[8] // 1000, os.stat("late")[8] // 1000)
            """
        )

        board.wait_console("946684 1935817\n")

    def test_it_runs_on_through_a_reset_and_not_through_a_power_cut(self, run):
        board = run(
            """
            import machine, time
            print("year", time.gmtime()[0])
            if machine.reset_cause() == machine.PWRON_RESET:
                machine.RTC().datetime((2031, 5, 6, 1, 7, 8, 9, 0))
                machine.reset()
            """
        )
        after_reset = board.wait_console("year 2000\nyear 2031\n")

        board.kill()
        board.start()

        board.wait_console("year 2000\n", start=after_reset)

    def test_setting_it_does_not_touch_the_ticks(self, run):
        board = run(
            """
            import machine, time
            began = time.ticks_ms()
            machine.RTC().datetime((2031, 5, 6, 1, 7, 8, 9, 0))
            print("passed", time.ticks_diff(time.ticks_ms(), began))
            """
        )

        board.wait_console("\n")
        assert int(board.console.split()[1]) < 1000

    def test_without_libfaketime_the_host_clock_is_used(self, tmp_path, monkeypatch):
        monkeypatch.setattr(interpreter(), "faketime", None)

        assert Board(tmp_path / "flash.img", clock="2000").clock == "real"

    def test_the_host_clock_can_be_used_and_is_not_set(self, run):
        board = run(
            "import machine, time\nmachine.RTC().datetime((2001, 5, 6, 1, 7, 8, 9, 0))\n"
            "print(time.time())",
            clock="real",
        )

        board.wait_console("\n")
        assert abs(float(board.console) - time.time()) < 10

    def test_a_clock_that_hurries_takes_ticks_and_sleeps_along(self, run):
        began = time.monotonic()
        haste = Haste(100)
        board = run(
            """
            import asyncio, machine, time
            print(time.time())
            machine.RTC().datetime((2001, 5, 6, 1, 7, 8, 9, 0))
            began = time.ticks_ms()
            time.sleep(100)
            async def rest():
                await asyncio.sleep(100)
            asyncio.run(rest())
            print(time.ticks_diff(time.ticks_ms(), began), time.time())
            machine.reset()
            """,
            idle=False,
            clock=haste,
        )
        end = 0
        for _ in range(3):
            end = board.wait_console("\n", start=end)
        board.kill()

        first, ticks, last, again = map(float, board.console[:end].split())
        assert ticks >= 200_000
        assert last - first == pytest.approx(ticks / 1000, abs=1)
        assert again > last, "a reset must not turn it back"
        assert time.monotonic() - began < 60, "200 s were to take two"


WRITER = """
import os
for n in range(1000):
    with open("new", "w") as f:
        f.write("content %d " % n * 40)
    os.rename("new", "file")
    print("wrote", n)
"""


class TestPowerCut:
    def test_the_write_at_the_cut_does_not_happen_and_the_file_before_it_stays(self, run):
        for cut in (1, 7, 40, 41, 42):
            board = run(WRITER, cut_at_write=cut)
            assert board.wait_end(20) == "cut"
            assert board.programs + board.erases == cut

            wrote = re.findall(r"wrote (\d+)", board.console)
            with Flash(board.flash) as flash:
                content = flash.read("/file")
            # A rename that was cut before it was reported may have happened.
            last = int(wrote[-1]) if wrote else -1
            good = [f"content {n} ".encode() * 40 for n in (last, last + 1) if n >= 0]
            assert content in (good if wrote else [*good, None])

    def test_the_plug_can_be_pulled(self, run):
        board = run(WRITER)
        board.wait_console("wrote 20\n")

        assert board.kill() == "killed"

        with Flash(board.flash) as flash:
            assert flash.read("/file").startswith(b"content ")

    @needs_faketime
    def test_nothing_of_a_killed_board_is_left_in_shared_memory(self, run):
        board = run("print('up')")
        board.wait_console("up\n")
        left = f"*faketime*_{board.pid}"
        assert list(Path("/dev/shm").glob(left))

        board.kill()

        assert list(Path("/dev/shm").glob(left)) == []

    def test_writes_are_counted(self, run):
        board = run("open('/f', 'w').close()\nprint('done')")
        board.wait_console("done\n")
        board.stop()

        assert 0 < board.programs < 50


class TestEnd:
    def test_ctrl_c_reaches_main_which_may_clean_up(self, run):
        board = run(
            """
            import asyncio
            async def serve():
                print("up")
                while True:
                    await asyncio.sleep(60)
            try:
                asyncio.run(serve())
            except KeyboardInterrupt:
                print("cleaned up")
            """,
            idle=False,
        )
        board.wait_console("up\n")

        assert board.stop() == "stopped"
        assert board.console == "up\ncleaned up\n"

    @needs_faketime
    def test_ctrl_c_leaves_the_clock_as_it_is(self, run):
        board = run(
            """
            import time
            print("up")
            try:
                time.sleep(60)
            except KeyboardInterrupt:
                print("year", time.gmtime()[0])
            """,
            idle=False,
        )
        board.wait_console("up\n")

        assert board.stop() == "stopped"
        assert board.console.endswith("year 2000\n")

    def test_ctrl_c_during_the_boot_is_not_lost(self, run):
        board = run("print('main')")

        assert board.stop() == "stopped"
        board.allow_traceback = True  # where it came before the program could catch it

    def test_a_board_that_does_not_stop_is_killed(self, run):
        board = run(
            """
            import time
            print("up")
            while True:
                try:
                    time.sleep(1)
                except KeyboardInterrupt:
                    print("no")
            """
        )
        board.wait_console("up\n")

        assert board.stop(timeout=0.5) == "killed"
        assert "did not stop within 0.5 s" in board.reason
        board.allow_death = True

    def test_an_exception_in_main_is_death_and_shown_in_full(self, run):
        board = run("def f():\n    return 1 / 0\nf()\n")
        board.allow_death = board.allow_traceback = True

        assert board.wait_end(10) == "died"
        assert board.reason == "main.py raised an exception"
        assert board.console.endswith(
            'File "/main.py", line 2, in f\nZeroDivisionError: divide by zero\n'
        )

    def test_the_end_of_main_is_death(self, run):
        board = run("print('bye')", idle=False)
        board.allow_death = True

        assert board.wait_end(10) == "died"
        assert "main.py ended" in board.reason

    def test_an_interpreter_that_is_killed_is_death(self, run):
        board = run("print('up')")
        board.allow_death = True
        board.wait_console("up\n")

        os.kill(board.pid, signal.SIGTERM)

        assert board.wait_end(10) == "died"
        assert "signal 15" in board.reason

    def test_what_is_waited_for_and_does_not_come_names_the_console(self, run):
        board = run("print('something else')\nraise OSError('broken')")
        board.allow_death = board.allow_traceback = True

        with pytest.raises(BoardFailed, match=r"(?s)'this'.*died.*something else.*broken"):
            board.wait_console("this")


def test_many_boards_run_at_once(start_board):
    boards = [start_board(wait=False) for _ in range(4)]

    for board in boards:
        board.wait_ready(60)

    homes = set()
    for board in boards:
        session = board.ftp()
        session.mkd(f"/board-{board.ftp_port}")
        homes.add(tuple(name for name in session.nlst("/") if "board-" in name))
    assert len(homes) == 4
    assert all(board.stop() == "stopped" for board in boards)


def test_files_are_kept_over_a_restart(start_board):
    board = start_board()
    board.ftp().mkd("/mine")
    board.stop()
    board.start()
    board.wait_ready()

    assert "mine" in "".join(board.ftp().nlst("/"))
    assert any("boot" in line for line in board.status_lines())
