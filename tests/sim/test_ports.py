"""The rules of the rp2 and esp32 ports on the simulated board: what a board refuses is refused."""

import contextlib
import re
import socket

import pytest
from outpost.sim.boards import BOARDS
from outpost.sim.interpreters import interpreter

narrow = pytest.mark.skipif(
    interpreter().bits != 32,
    reason="NOT TESTED: rules that need the C library, which only the 32-bit interpreter reaches",
)

SERVE = """
import socket
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", 0 or PORT))
listener.listen(5)
print("listens")
"""


@pytest.fixture
def served(run, free_port):
    """Start a board that listens, and then runs these lines: (lines, board) -> (board, port)."""

    def start(lines, board="pico-w"):
        port = free_port()
        begun = run(SERVE.replace("PORT", str(port)) + lines, profile=BOARDS[board])
        begun.wait_console("listens\n")
        return begun, port

    return start


@contextlib.contextmanager
def client(port, room=None):
    """A connected socket; room: the bytes of its receive buffer."""
    with socket.socket() as sock:
        if room:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        sock.settimeout(10)
        sock.connect(("127.0.0.1", port))
        yield sock


class TestTimers:
    @pytest.mark.parametrize(
        ("board", "said"),
        [("esp32", "invalid Timer number"), ("pico-w", "runs"), ("desk", "runs")],
    )
    def test_the_software_timer(self, run, board, said):
        begun = run(
            "import machine\ntry:\n"
            "    timer = machine.Timer(-1, period=20, callback=lambda t: print('runs'))\n"
            "except ValueError as error:\n    print(error)",
            profile=BOARDS[board],
        )

        begun.wait_console(said)

    @pytest.mark.parametrize(("board", "said"), [("esp32", "runs"), ("pico-w", "doesn't exist")])
    def test_a_hardware_timer(self, run, board, said):
        begun = run(
            "import machine\ntry:\n"
            "    timer = machine.Timer(0, period=20, callback=lambda t: print('runs'))\n"
            "except ValueError as error:\n    print(error)",
            profile=BOARDS[board],
        )

        begun.wait_console(said)

    @narrow
    @pytest.mark.parametrize(("board", "lives"), [("esp32", True), ("pico-w", False)])
    def test_the_collector_ends_a_timer_that_nobody_holds_on_rp2(self, run, board, lives):
        begun = run(
            f"""
            import gc, machine, time
            ran = []
            number = {0 if lives else -1}
            def forget():
                machine.Timer(number).init(period=300, callback=lambda t: ran.append(1))
            def deep(n):
                return [n, n, n, n] and n and deep(n - 1)
            forget()
            for _ in range(4):
                deep(20)  # what is forgotten may stay in a word of the stack
                gc.collect()
            time.sleep_ms(900)
            print("ran", bool(ran))
            """,
            profile=BOARDS[board],
        )

        begun.wait_console(f"ran {lives}\n")

    @pytest.mark.parametrize("bits", [32, 64])
    def test_timers_go_on_after_a_callback_that_keeps_all_others_waiting(self, run, bits):
        begun = run(
            """
            import machine, time
            ran = [0] * 6
            def long(timer):
                ran[0] += 1
                until = time.ticks_add(time.ticks_ms(), 200)
                while time.ticks_diff(until, time.ticks_ms()) > 0:
                    pass  # more are due meanwhile than the scheduler has places for
            timers = [machine.Timer(-1, mode=0, period=20, callback=long)]
            for at in range(1, 6):
                def short(timer, at=at):
                    ran[at] += 1
                timers.append(machine.Timer(-1, period=20, callback=short))
            time.sleep_ms(50)
            began = ran[1:]
            time.sleep_ms(1_000)
            fewest = min(now - then for then, now in zip(began, ran[1:]))
            print("ran", ran[0], "others", fewest if fewest < 10 else "more")
            """,
            profile=BOARDS["pico-w"],
            bits=bits,
        )

        begun.wait_console("ran 1 others more\n")

    @narrow
    def test_as_many_run_as_the_chip_has_alarms_and_one_that_is_ended_gives_its_place_back(
        self, run
    ):
        begun = run(
            """
            import machine
            def start():
                return machine.Timer(-1, mode=0, period=60_000, callback=print)
            timers = [start() for _ in range(16)]
            try:
                start()
            except OSError as error:
                print("errno", error.errno)
            timers[3].deinit()
            timers[5].init(mode=0, period=60_000, callback=print)
            again = start()
            print("started")
            """,
            profile=BOARDS["pico-w"],
        )

        begun.wait_console("errno 12\nstarted\n")

    def test_a_callback_that_touches_a_file_ends_the_board(self, run):
        begun = run(
            """
            import machine
            def tell(timer):
                with open("/note", "w") as file:
                    file.write("x")
            timer = machine.Timer(-1, period=20, callback=tell)
            """,
            profile=BOARDS["pico-w"],
        )
        begun.allow_death = True

        assert begun.wait_end(10) == "died"
        assert "callback touched a file" in begun.reason


class TestResets:
    def test_every_reset_of_an_rp2_is_the_watchdogs_until_the_power_goes(self, run):
        board = run(
            """
            import machine, os, time
            boots = int(open("/boots").read()) + 1 if "boots" in os.listdir() else 1
            with open("/boots", "w") as file:
                file.write(str(boots))
            marked = machine.mem32[0x4005801C] == 0x6AB73121
            print(boots, machine.reset_cause() == machine.WDT_RESET, marked)
            if boots == 1:
                machine.reset()
            if boots == 2:
                machine.soft_reset()
            machine.WDT(timeout=200)
            time.sleep(9)
            """,
            profile=BOARDS["pico-w"],
        )
        board.wait_console("4 ", timeout=20)
        board.wait_console("\n", start=board.wait_console("4 "))

        # A power-on; asked for; soft, which has no cause of its own; bitten, with the mark.
        assert board.console.splitlines()[:4] == [
            "1 False False", "2 True False", "3 True False", "4 True True",
        ]  # fmt: skip

    def test_an_rp2_with_its_radio_on_does_not_sleep(self, run):
        board = run(
            "import machine\nprint('cause', machine.reset_cause())\n"
            "if machine.reset_cause() == 1:\n    machine.deepsleep()",
            profile=BOARDS["pico-w"],
        )

        board.wait_console("cause 3\n")

    def test_what_an_esp32_keeps_in_its_clock_outlives_a_reset_and_not_the_power(self, run):
        board = run(
            "import machine\nkept = machine.RTC().memory()\nprint('kept', kept)\n"
            "if not kept:\n    machine.RTC().memory(b'note')\n    machine.reset()",
            profile=BOARDS["esp32"],
        )
        board.wait_console("kept b'note'\n")

        board.kill()
        board.start()
        end = len(board.console)
        board.wait_console("kept b''\n", start=end)


class TestSockets:
    def test_the_sixth_connection_of_an_rp2_finds_no_memory_and_listeners_are_apart(self, run):
        board = run(
            """
            import socket
            listeners = []
            for port in range(9):
                try:
                    listeners.append(socket.socket())
                    listeners[-1].bind(("127.0.0.1", 0))
                    listeners[-1].listen(1)
                except OSError as error:
                    print("listeners", len(listeners) - 1, error.errno)
                    listeners.pop().close()
            sockets = []
            try:
                while True:
                    sockets.append(socket.socket())
            except OSError as error:
                print("connections", len(sockets), error.errno)
            """,
            profile=BOARDS["pico-w"],
        )

        board.wait_console("listeners 8 12\nconnections 5 12\n")

    def test_an_esp32_has_ten_sockets_of_all_kinds(self, run):
        board = run(
            """
            import socket
            listener = socket.socket()
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
            try:
                while True:
                    sockets.append(socket.socket())
            except OSError as error:
                print("sockets", len(sockets), error.errno)
            """,
            profile=BOARDS["esp32"],
        )

        board.wait_console("sockets 9 23\n")

    @pytest.mark.parametrize(("board", "number"), [("esp32", 1), ("pico-w", 64)])
    def test_addresses_are_tuples_and_options_have_the_ports_numbers(self, served, board, number):
        begun, port = served(
            "sock, address = listener.accept()\n"
            "print(address, socket.TCP_NODELAY, hasattr(sock, 'getsockname'))\n",
            board,
        )

        with client(port) as sock:
            begun.wait_console(f"('127.0.0.1', {sock.getsockname()[1]}) {number} False\n")

    def test_an_option_that_lwip_lacks_is_complained_of(self, served):
        begun, port = served("sock, _ = listener.accept()\nsock.setsockopt(6, 1, 1)\n")

        with client(port):
            begun.wait_console("Warning: lwip.setsockopt() not implemented\n")

    def test_closing_a_listener_kills_the_first_connection_on_rp2(self, served):
        begun, port = served(
            "first, _ = listener.accept()\nsecond, _ = listener.accept()\n"
            "other = socket.socket()\nother.bind(('127.0.0.1', 0))\nother.listen(1)\n"
            "other.close()\nsecond.write(b'alive')\nprint('closed')\n"
        )

        with client(port) as first, client(port) as second:
            begun.wait_console("closed\n")
            assert second.recv(5) == b"alive"
            with pytest.raises(ConnectionResetError):
                first.recv(5)

    @narrow
    def test_a_write_that_lwip_has_no_room_for_blocks_and_loses(self, served):
        begun, port = served(
            """
import time
sock, _ = listener.accept()
sock.setblocking(False)
other, _ = listener.accept()
other.setblocking(False)
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def room(size):
    try:
        probe.sendto(bytes(size), ("::1", 9))
    except OSError as error:
        return error.errno
print("room", room(1000), room(7700))
piece = b"x" * 800
count = 0
while True:
    began = time.ticks_ms()
    sent = sock.write(piece)
    if sent is None:
        print("full after", count)
        break
    count += sent
print("room", room(2000))
began = time.ticks_ms()
print("lost", other.write(b"y" * 6000), time.ticks_diff(time.ticks_ms(), began) > 9000)
other.write(b"z")
"""
        )

        with client(port, room=2048), client(port) as reader:
            begun.wait_console("lost 6000 True\n", timeout=30)
            assert reader.recv(100) == b"z", "nothing of the 6,000 bytes was queued"
        assert "room 22 12\n" in begun.console
        assert "room 12\n" in begun.console
        assert re.search(r"full after \d+", begun.console)

    @pytest.mark.parametrize(("board", "read"), [("pico-w", "None"), ("esp32", "0")])
    def test_an_rp2_loses_an_end_that_comes_before_accept(self, served, board, read):
        begun, port = served(
            "import time\ntime.sleep(0.5)\nsock, _ = listener.accept()\n"
            "sock.setblocking(False)\nprint('read', sock.readinto(bytearray(9)))\n",
            board,
        )

        with client(port):
            pass
        begun.wait_console(f"read {read}\n")

    def test_a_client_beyond_the_connections_waits(self, served):
        begun, port = served(
            "import time\nheld = [listener.accept()[0] for _ in range(5)]\n"
            "listener.setblocking(False)\n"
            "try:\n    listener.accept()\n"
            "except OSError as error:\n    print('none', error.errno)\n"
            "held.pop().close()\ntime.sleep(0.2)\nlistener.accept()[0].write(b'hello')\n"
        )

        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(client(port)) for _ in range(6)]
            begun.wait_console("none 11\n")
            assert socks[-1].recv(5) == b"hello"


@narrow
def test_ticks_wrap_as_on_boards(micropython):
    out = micropython("import time\nprint(time.ticks_add(0, -1) == (1 << 30) - 1)")

    assert out == "True\n"
