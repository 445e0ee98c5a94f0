"""Throttle: who tries passwords is slowed and locked out; nobody else notices."""

import hashlib
import itertools
import json
import threading
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest

NOOP_S = 0.25  # what an innocent session may wait at worst
BAD_LOGINS = 200
BAD_LOGIN_S = 90  # one that comes behind the failure of another waits, and longer each time

# The guard with a clock of the test's own, which wraps as on a 32-bit board: after 2**30 ms.
GUARD = """
import json
import hal
from services.ftp.access import guard
WRAP = 1 << 30
now = WRAP - %d
guard.ticks_ms = hal.ticks_ms = lambda: now %% WRAP
hal.ticks_diff = lambda a, b: (a - b + WRAP // 2) %% WRAP - WRAP // 2
table = guard.Guard(300000)
say = lambda *what: print(json.dumps(what))
"""


@pytest.fixture
def guard(micropython):
    """Run device code with a Guard called `table`: (script, before_wrap_ms) -> what it said."""

    def run(script, before_wrap_ms=1 << 29):
        out = micropython(GUARD % before_wrap_ms + script)
        return [json.loads(line) for line in out.splitlines()]

    return run


class TestGuard:
    """What is held against an address, without a board."""

    PAUSES = """
for _ in range(10):
    table.failed("a", "ann")
    pause = table.pause_ms("a")
    now += pause - 1
    almost = table.pause_ms("a")
    now += 1
    say(pause, almost, table.pause_ms("a"), table.locked_s("a"), table.pause_ms("b"))
"""

    @pytest.mark.parametrize("before_wrap_ms", [1 << 29, 20_000, 3_000])
    def test_the_pause_doubles_until_the_address_is_locked_out(self, guard, before_wrap_ms):
        said = guard(self.PAUSES, before_wrap_ms)

        pauses = [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000, 30000]
        assert [line[0] for line in said] == pauses
        assert all(line[1:3] == [1, 0] for line in said)
        assert [line[3] > 0 for line in said] == [False] * 9 + [True]
        assert all(line[4] == 0 for line in said), "another address never waits"

    @pytest.mark.parametrize("before_wrap_ms", [1 << 29, 100_000])
    def test_the_lock_out_ends_by_itself_however_often_is_tried(self, guard, before_wrap_ms):
        said = guard(
            """
say(*[table.failed("a", None) for _ in range(10)])
for seconds in range(0, 300, 50):
    say(table.locked_s("a"), table.failed("a", None))
    now += 50000
say(table.locked_s("a"), table.pause_ms("a"), table.failed("a", None), table.pause_ms("a"))
""",
            before_wrap_ms,
        )

        assert said[0] == [0] * 9 + [300], "told once, when it begins"
        assert said[1:-1] == [[left, 0] for left in range(300, 0, -50)]
        assert said[-1] == [0, 0, 0, 1000], "it begins anew, before anybody cleans up, too"

    def test_many_addresses_wash_out_none_that_is_locked(self, guard):
        said = guard("""
for _ in range(10):
    table.failed("attacker", "ann")
for number in range(100):
    now += 1
    table.failed("other-%d" % number, "ann")
say(len(table._table), table.locked_s("attacker") > 0, "other-99" in table._table)
for address in range(40):
    for _ in range(10):
        now += 1
        table.failed("locked-%d" % address, "ann")
say(len(table._table), len(list(table.locked())))
""")

        assert said == [[16, True, True], [16, 16]]

    def test_a_right_login_forgives_what_was_tried_in_its_own_name_alone(self, guard):
        said = guard("""
table.failed("a", "ann")
say(table.forgive("a", "bob"), table.forgive("a", "ann"), table.pause_ms("a"))
for name in ("ann", "bob", None, "bob"):
    table.failed("a", name)
say(table.forgive("a", "ann"), table.forgive("a", "bob"), table.pause_ms("a"))
say(table.forgive("a"), table.pause_ms("a"))
""")

        assert said == [[False, True, 0], [False, False, 8000], [True, 0]]

    def test_what_is_old_is_forgotten(self, guard):
        said = guard("""
table.failed("old", "ann")
now += 200000
table.failed("new", "ann")
now += 100000
say(table.expire(), list(table._table))
now += 200000
say(table.expire(), list(table._table))
""")

        assert said == [[False, ["new"]], [True, []]]


COUNT = """
import asyncio, json
from services.ftp.access import accounts, pbkdf2
from hashlib import sha256
accounts.borrow = lambda module, name: getattr(pbkdf2, name)  # it would be a new one each time
count = 0

def counted(data=b""):
    global count
    count += 1
    return sha256(data)

async def main():
    global count
    users = {}
    for name, iterations in (("cheap", 500), ("dear", 3000)):
        pbkdf2._ITERATIONS = iterations
        made = await pbkdf2.hash_password("right " + name)
        made = made.replace("$2000$", "$%d$" % iterations)
        # The constant is compiled in: the hash of that many iterations, made by hand.
        salt = pbkdf2.a2b_base64(made.split("$")[2])
        derived = await pbkdf2._derive("right " + name, salt, iterations)
        made = "$".join(made.split("$")[:3] + [pbkdf2._base64(derived)])
        users[name] = accounts.Account(name, made, "read", "/")
    found = accounts.Accounts(users)
    accounts.sha256 = pbkdf2.sha256 = counted
    for name, password in (
        ("nobody", "x"), ("cheap", "x"), ("dear", "x"), ("", ""), ("cheap", "right cheap"),
        ("nobody", "x"), ("cheap", "x"),
    ):
        count = 0
        account = await found.login(name, password)
        print(json.dumps([account is not None, count]))

asyncio.run(main())
"""


def test_every_wrong_login_costs_the_same_work(micropython):
    """Counted in hashes: no clock is needed, and none could tell."""
    said = [json.loads(line) for line in micropython(COUNT).splitlines()]

    assert [right for right, _ in said] == [False, False, False, False, True, False, False]
    counts = {count for _, count in said}
    assert len(counts) == 1, said
    assert counts.pop() >= 2 * 3000


class TestBoard:
    """The same on a board, where the others go on."""

    @pytest.fixture(scope="class")
    @classmethod
    def guarded(cls, power_up):
        return power_up({"max_sessions": 20, "max_per_address": 14, "lockout_s": 8})

    @pytest.fixture
    def attack(self, connect, guarded):
        """Try ten wrong passwords at once from an address -> the codes of the replies."""

        def run(address, user="admin"):
            sessions = [connect(None, address, guarded) for _ in range(10)]
            for session in sessions:
                session.send(f"USER {user}\r\nPASS wrong\r\n".encode())
            assert [session.reply().code for session in sessions] == [331] * 10
            codes = [session.reply().code for session in sessions]
            for session in sessions:
                session.close()
            return codes

        return run

    def test_a_lock_out_meets_that_address_alone_and_ends_by_itself(
        self, connect, guarded, attack, wait_for
    ):
        address = "127.0.3.1"
        inside = connect(source=address, to=guarded)
        opened = [connect(None, address, guarded) for _ in range(2)]
        console = len(guarded.console)

        assert set(attack(address)) == {530}
        began = time.monotonic()

        guarded.wait_console("ftp/lockout", start=console)
        line = next(
            line for line in guarded.console[console:].splitlines() if "ftp/lockout" in line
        )
        assert f"address={address}" in line
        assert "seconds=8" in line
        answers = []
        for session, password in zip(opened, ("secret", "wrong"), strict=True):
            session.ask("USER admin")
            answers.append((session.ask(f"PASS {password}"), session.closed()))
        assert answers[0] == answers[1], "right or wrong, the answer is the same"
        assert answers[0][0].code == 421
        refused = connect(None, address, guarded)
        assert refused.greeting.code == 421
        assert refused.greeting.text == answers[0][0].text
        assert inside.ask("NOOP").code == 200, "who was inside goes on"
        assert inside.ask("CWD /site").code == 250
        fresh = time.monotonic()
        assert connect("reader", "127.0.3.2", guarded).ask("NOOP").code == 200
        assert time.monotonic() - fresh < 2, "another address is not slowed"
        assert guarded.console[console:].count("ftp/lockout") == 1

        def back():
            session = connect(None, address, guarded)
            return session if session.greeting.code == 220 else None

        session = wait_for(back, "the end of the lock-out")
        assert 5 < time.monotonic() - began < 12
        assert session.login().ask("NOOP").code == 200

    def test_an_operator_lists_and_lifts_lock_outs(self, connect, guarded, attack):
        operator = connect(to=guarded)
        assert "Nobody is locked out" in operator.ask("SITE unlock").text
        assert set(attack("127.0.3.3")) == {530}

        assert "127.0.3.3 for " in operator.ask("SITE unlock").text
        assert connect("writer", to=guarded).ask("SITE unlock 127.0.3.3").code == 550
        assert operator.ask("SITE unlock 127.0.3.3").code == 211
        assert connect("reader", "127.0.3.3", guarded).ask("NOOP").code == 200
        assert operator.ask("SITE unlock 127.0.3.3").code == 501

    def test_each_failure_makes_the_next_try_of_that_address_wait_longer(self, connect, guarded):
        session = connect(None, "127.0.3.4", guarded)
        times = []
        for code in (530, 530, 421):
            began = time.monotonic()
            assert session.ask("USER admin").code == 331
            assert session.ask("PASS wrong").code == code
            times.append(time.monotonic() - began)
        again = connect(None, "127.0.3.4", guarded)
        assert again.ask("USER admin").code == 331
        began = time.monotonic()
        assert again.ask("PASS secret").code == 230
        times.append(time.monotonic() - began)

        # A second after each; before the next one, what is left of 1, 2 and 4 seconds.
        for found, expected in zip(times, (1, 1, 2, 3), strict=True):
            assert expected - 0.3 < found < expected + 1.5, times

    def test_one_password_is_no_way_to_try_anothers(self, connect, guarded):
        session = connect(None, "127.0.3.5", guarded)
        session.ask("USER admin")
        assert session.ask("PASS wrong").code == 530
        session.login("reader")

        operator = connect(to=guarded)
        assert "may try again" in operator.ask("SITE unlock 127.0.3.5").text, "it is still held"

    def test_who_mistypes_and_then_gets_in_is_forgiven(self, connect, guarded):
        session = connect(None, "127.0.3.6", guarded)
        session.ask("USER reader")
        assert session.ask("PASS wrong").code == 530
        session.login("reader")

        assert "Nothing is held" in connect(to=guarded).ask("SITE unlock 127.0.3.6").text

    def test_an_address_that_goes_away_before_the_answer_has_tried_all_the_same(
        self, connect, guarded, wait_for
    ):
        for _ in range(3):
            session = connect(None, "127.0.3.7", guarded)
            session.send(b"USER admin\r\nPASS wrong\r\n")
            assert session.reply().code == 331
            session.reset()
        operator = connect(to=guarded)

        wait_for(
            lambda: "may try again" in operator.ask("SITE unlock 127.0.3.7").text,
            "a failure to be held against it",
        )

    def test_a_name_that_nobody_has_is_told_to_nobody(self, connect, guarded):
        """People type their password where the name belongs."""
        session = connect(None, "127.0.3.8", guarded)
        console = len(guarded.console)
        session.ask("USER correct-horse")
        assert session.ask("PASS battery-staple").code == 530

        guarded.wait_console('reason="unknown user"', start=console)
        operator = connect(to=guarded)
        told = guarded.console + operator.ask("STAT").text + operator.ask("SITE log 100").text
        told += operator.ask("SITE who").text
        assert "correct-horse" not in told
        assert "battery-staple" not in told


def test_who_is_sent_away_while_the_password_is_looked_at_has_tried_it(power_up, connect):
    """Else a quick answer could be told from a slow one for nothing, as often as one likes."""
    salt = b"0123456789abcdef"
    rounds = 200_000
    derived = hashlib.pbkdf2_hmac("sha256", b"slow", salt, rounds)
    stored = f"pbkdf2-sha256${rounds}${b64encode(salt).decode()}${b64encode(derived).decode()}"
    users = {"boss": {"password": stored, "role": "admin"}}
    board = power_up({"users": users})
    operator = connect(None, to=board)
    operator.sock.settimeout(60)
    operator.ask("USER boss")
    assert operator.ask("PASS slow").code == 230
    guesser = connect(None, "127.0.3.9", board)
    guesser.ask("USER boss")
    guesser.send("PASS wrong")
    for _ in range(3):
        assert operator.ask("NOOP").code == 200, "by now the board has read that line"

    assert operator.ask("SITE kick 127.0.3.9").code == 211

    assert guesser.reply().code == 421
    assert guesser.closed()
    assert "may try again" in operator.ask("SITE unlock 127.0.3.9").text


def test_200_bad_logins_and_an_innocent_session(power_up, connect):
    """Its NOOPs, and the login of who comes meanwhile."""
    # 22 at a time; twice that many, for those of the last address may still be on their way out.
    board = power_up({"max_sessions": 44, "max_per_address": 12, "lockout_s": 60})
    innocent = connect(to=board)
    numbers = itertools.count(1)
    codes = []
    done = threading.Event()

    def attacker():
        """Ten at once from an address, then the next address."""
        while (number := next(numbers)) <= BAD_LOGINS // 10:
            source = f"127.0.4.{number}"
            sessions = [connect(None, source, board) for _ in range(10)]
            for session in sessions:
                assert session.ask("USER admin").code == 331
                session.sock.settimeout(BAD_LOGIN_S)
            for session in sessions:
                session.send(b"PASS wrong %d" % number + b"\r\n")
            for session in sessions:
                codes.append(session.reply().code)
                session.close()

    longest = 0
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(attacker) for _ in range(2)]
        newcomer = pool.submit(lambda: connect("reader", "127.0.5.1", board))
        pool.submit(lambda: [future.exception() for future in running] and done.set())
        while not done.wait(0.01):
            began = time.monotonic()
            assert innocent.ask("NOOP").code == 200
            longest = max(longest, time.monotonic() - began)
        for future in running:
            future.result()
        assert newcomer.result().ask("NOOP").code == 200
    assert codes == [530] * BAD_LOGINS
    assert longest < NOOP_S
    assert connect(None, f"127.0.4.{BAD_LOGINS // 10}", board).greeting.code == 421
