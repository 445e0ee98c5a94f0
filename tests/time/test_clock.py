"""The clock against chronyd, liars, and servers that are absent, frozen or restarted."""

import calendar
import time

import pytest
from fixtures_time import answer, kiss, loopback_address

# A clock as the board's: whole seconds, at 2000-01-01 when it starts, set by whole seconds.
CLOCK = """
import hal
host_time = hal.unix_time
skew = 946684800 - host_time()
sets = []
def set_clock(unix_s):
    global skew
    sets.append(unix_s)
    skew = unix_s - host_time()
hal.unix_time = lambda: host_time() + skew
hal.set_clock = set_clock
from services.time import Clock
service = Clock(status, events, site, servers=%r, every_s=%d, timeout_ms=%d)
"""
STATUS = 'status.section("time")'
# A name that has one address more with each that a test appends; the last one is told.
RESOLVE = """
import hal.net
addresses = [%r]
async def resolve(host):
    return addresses[-1]
hal.net.resolve = resolve
"""


@pytest.fixture
def clock(alone):
    """Start a clock service: (servers, every_s=3600, timeout_ms=300, **options) -> Device."""

    def start(*servers, every_s=3600, timeout_ms=300, more="", **options):
        return alone(CLOCK % (list(servers), every_s, timeout_ms) + more, **options)

    return start


def error_of(device):
    return device.wait_for("time/failed")["error"]


def is_now(unix_s):
    return abs(unix_s - time.time()) < 2


def test_a_start_sets_the_clock_from_a_real_server(clock, chronyd, packages):
    device = clock(chronyd.address, packages=packages)
    synced = device.wait_for("time/sync")

    assert synced["server"] == chronyd.address
    assert synced["rtt_ms"] < 250
    assert is_now(device.ask("hal.unix_time()"))
    section = device.ask(STATUS)
    assert section["set"] is True
    assert section["source"] == chronyd.address
    text = time.strptime(section["last_sync"], "%Y-%m-%dT%H:%M:%SZ")
    assert is_now(calendar.timegm(text))


def test_between_two_syncs_nothing_of_them_is_kept(clock, chronyd, packages):
    device = clock(chronyd.address, packages=packages)
    late = '[name for name in {} if name in __import__("sys").modules]'.format(
        ("ntptime", "services.time.sntp", "services.time.setting")
    )
    for _ in range(2):
        assert device.wait_for("time/sync")["server"] == chronyd.address
        device.wait_until(f"not {late}")
        device.ask("service._wake.set()")


def test_a_heap_too_full_for_a_sync_is_told_and_the_next_one_sets_the_clock(clock, chronyd):
    full = """
import services.time.clock as module
real = module.borrow
def borrow(*names):
    raise MemoryError
module.borrow = borrow
"""
    device = clock(chronyd.address, more=full)
    assert error_of(device) == "no memory for it just now"
    device.ask('setattr(module, "borrow", real)')
    device.wait_for("time/sync", timeout=10)


def test_before_the_first_sync_the_status_says_that_the_clock_is_not_set(clock):
    device = clock(loopback_address())

    assert device.ask(STATUS)["set"] is False
    assert "clock not set" in device.ask('"".join(status.lines())')


def test_the_utc_offset_stands_in_the_status_and_leaves_the_clock_at_utc(clock, chronyd):
    device = clock(
        chronyd.address,
        more="service = Clock(status, events, site, "
        f"servers=[{chronyd.address!r}], utc_offset_min=-90)",
    )
    device.wait_for("time/sync")

    assert device.ask(STATUS)["utc_offset_min"] == -90
    assert is_now(device.ask("hal.unix_time()"))


def test_the_offset_is_exact_below_the_second(clock, time_server):
    server = time_server(lambda query: answer(query, at=time.time() + 100.25))
    device = clock(server.address)
    device.wait_for("time/sync")
    # The board's clock was set to whole seconds; what is left over is the honest offset.
    device.ask('site.run("ntp", "", True)')
    offset_ms = device.wait_for("time/sync")["offset_ms"]

    assert 200 < offset_ms % 1000 < 300


def test_it_syncs_again_and_again(clock, chronyd):
    device = clock(chronyd.address, every_s=1)

    for _ in range(3):
        device.wait_for("time/sync")
    assert abs(device.ask(STATUS)["offset_ms"]) < 1000


def test_site_ntp_syncs_now_and_tells_the_offset(clock, chronyd):
    device = clock(chronyd.address)
    device.wait_for("time/sync")
    text = device.ask('site.run("ntp", "", True)')

    assert text.startswith(f"Clock set from {chronyd.address}, it was off by ")
    assert device.try_to('site.run("ntp", "now", True)')[1].startswith("ValueError")


def test_site_ntp_says_why_it_failed(clock):
    address = loopback_address()
    device = clock(address)
    kind, text = device.try_to('site.run("ntp", "", True)')

    assert kind == "error"
    assert text.startswith("OSError")
    assert address in text


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (kiss, "kiss of death, RATE"),
        (lambda query: kiss(query, b"DENY"), "kiss of death, DENY"),
        (lambda query: kiss(query, b"RSTR"), "kiss of death, RSTR"),
        (lambda query: kiss(query, b"INIT"), "not synchronised yet (INIT)"),
        (lambda query: kiss(query, bytes(4)), "not synchronised yet (????)"),
        (lambda query: answer(query, at=-2208988800 + 3600), "implausible, it says it is 2036"),
        (lambda query: answer(query)[:40] + b"\xff" * 8, "implausible, it says it is 2036"),
        (lambda query: answer(query, at=1735689600), "implausible, it says it is 2025"),
        (lambda query: answer(query, at=2540000000), "implausible, it says it is 2050"),
        (lambda query: answer(query, leap=3), "not synchronised"),
        (lambda query: answer(query, stratum=16), "not synchronised"),
        (lambda query: answer(query)[:40] + bytes(8), "holds no time"),
        (lambda query: answer(query, cookie=bytes(8)), "not an answer to our query"),
        (lambda query: answer(query, mode=3), "not an answer to our query"),
        (lambda query: answer(query)[:20], "not an answer to our query"),
        (lambda query: b"", "not an answer to our query"),
    ],
)
def test_an_implausible_answer_is_refused(clock, time_server, reply, why):
    device = clock(time_server(reply).address)

    assert why in error_of(device)
    assert device.ask("sets") == []
    assert device.ask(STATUS)["set"] is False


def test_the_next_server_takes_over_from_a_liar(clock, chronyd, time_server):
    device = clock(loopback_address(), time_server(kiss).address, chronyd.address)

    assert device.wait_for("time/sync")["server"] == chronyd.address


def test_a_server_that_sent_a_kiss_of_death_is_left_alone(clock, time_server):
    server = time_server(kiss)
    device = clock(server.address, every_s=1)

    assert "kiss of death, RATE" in error_of(device)
    assert "left alone" in error_of(device)
    assert server.queries == 1


@pytest.mark.parametrize(("code", "least_s", "most_s"), [("RATE", 60, 900), ("DENY", 3600, 90000)])
def test_a_kiss_of_death_holds_for_a_time_against_an_address(
    clock, time_server, code, least_s, most_s
):
    server = time_server(lambda query: kiss(query, code.encode()))
    device = clock("time.invalid", more=RESOLVE % server.address)
    error_of(device)
    ((address, (until, said)),) = device.ask("list(service.shunned.items())")

    assert (address, said) == (server.address, code)
    assert least_s < until - device.ask("hal.uptime()") < most_s


def test_another_address_of_a_name_is_asked_after_a_kiss_of_death(clock, chronyd, time_server):
    device = clock("pool.invalid", every_s=1, more=RESOLVE % time_server(kiss).address)
    error_of(device)
    device.ask(f"addresses.append({chronyd.address!r})")

    assert device.wait_for("time/sync")["server"] == "pool.invalid"


def test_a_kiss_of_death_that_is_over_is_forgotten(clock, time_server):
    server = time_server(lambda query: kiss(query) if server.queries == 1 else answer(query))
    device = clock(server.address, every_s=1)
    error_of(device)
    device.ask(f"service.shunned.update({{{server.address!r}: (hal.uptime(), 'RATE')}})")

    device.wait_for("time/sync")
    assert device.ask("len(service.shunned)") == 0


def test_of_the_addresses_to_be_left_alone_a_bounded_number_is_kept(clock, time_server):
    full = "for i in range(16): service.shunned[str(i)] = (1000 + i, 'RATE')\n"
    server = time_server(lambda query: kiss(query, b"DENY"))
    device = clock(server.address, more=full)
    error_of(device)
    kept = device.ask("list(service.shunned)")

    assert len(kept) == 16
    assert "0" not in kept
    assert server.address in kept


def test_an_operator_has_a_server_asked_that_wants_to_be_left_alone(clock, time_server):
    server = time_server(lambda query: kiss(query) if server.queries == 1 else answer(query))
    device = clock(server.address)
    error_of(device)

    assert device.ask('site.run("ntp", "", True)').startswith(f"Clock set from {server.address}")


def test_a_server_that_has_just_started_is_asked_again_soon(clock, time_server):
    server = time_server(
        lambda query: kiss(query, b"INIT") if server.queries == 1 else answer(query)
    )
    device = clock(server.address)
    error_of(device)

    assert device.wait_for("time/sync", timeout=8)["server"] == server.address


def test_a_sync_asks_once(clock, time_server, packages):
    """A server with `limited kod` answers the second of two queries within 2 s with RATE."""
    server = time_server(lambda query: answer(query) if server.queries == 1 else kiss(query))
    device = clock(server.address, packages=packages)

    device.wait_for("time/sync")
    assert server.queries == 1


def ahead(seconds):
    """A reply that is so many seconds ahead."""
    return lambda query: answer(query, at=time.time() + seconds)


def test_the_majority_of_three_servers_counts(clock, time_server):
    liar, *honest = [time_server(ahead(seconds)).address for seconds in (86400, 0, 0.5)]
    device = clock(liar, *honest)

    assert device.wait_for("time/sync")["server"] == honest[0]
    assert is_now(device.ask("hal.unix_time()"))
    assert f"{honest[0]} and {liar} differ by 8" in device.ask(STATUS)["problem"]


def test_three_servers_of_which_no_two_agree_set_no_clock(clock, time_server):
    servers = [time_server(ahead(seconds)).address for seconds in (0, 100, 200)]
    device = clock(*servers)

    assert "no majority" in error_of(device)
    assert device.ask("sets") == []


def test_two_servers_that_differ_are_told_until_they_agree(clock, time_server):
    off = 3600
    first = time_server(answer).address
    second = time_server(lambda query: ahead(off)(query)).address
    device = clock(first, second, every_s=1)

    assert device.wait_for("time/sync")["server"] == first
    problem = device.ask(STATUS)["problem"]
    assert problem.startswith(f"{first} and {second} differ by ")
    assert problem in "".join(device.ask("list(status.lines())")).replace(" " * 11, " ")
    off = 0
    device.wait_until(f"{STATUS}['problem'] is None")


def test_a_wild_jump_that_a_second_server_confirms_is_made_at_once(clock, time_server):
    off = 0
    servers = [time_server(lambda query: ahead(off)(query)).address for _ in range(2)]
    device = clock(*servers, every_s=1)
    device.wait_for("time/sync")
    off = 86400

    device.wait_until(f"{STATUS}['offset_ms'] > 80000000")
    assert not [topic for topic, _ in device.events if topic == "time/failed"]


def test_a_wild_jump_needs_a_second_answer(clock, time_server):
    ahead = 0
    server = time_server(lambda query: answer(query, at=time.time() + ahead))
    device = clock(server.address, every_s=1)
    device.wait_for("time/sync")
    ahead = 86400

    assert "unconfirmed" in error_of(device)
    assert device.wait_for("time/sync")["offset_ms"] // 1000 in (86399, 86400)


def test_one_wild_server_among_two_is_not_believed(clock, chronyd, time_server):
    liar = time_server(lambda query: answer(query, at=time.time() + 86400))
    device = clock(chronyd.address, liar.address, every_s=1)
    device.wait_for("time/sync")
    chronyd.stop()

    for _ in range(3):
        assert "unconfirmed" in error_of(device)
    assert is_now(device.ask("hal.unix_time()"))


def test_an_absent_server_costs_no_stall_and_is_tried_again(clock):
    device = clock(loopback_address(), every_s=1)
    device.ask("stall()")

    for _ in range(3):
        assert "REFUSED" in error_of(device)
    assert device.ask("stall()") < 250


def test_the_same_failure_says_that_it_came_again_until_the_clock_was_set(clock, chronyd):
    device = clock(chronyd.address, every_s=1)
    device.wait_for("time/sync")
    chronyd.stop()
    assert device.wait_for("time/failed")["again"] is None
    assert device.wait_for("time/failed")["again"] is True
    chronyd.start()
    device.wait_for("time/sync")
    chronyd.stop()
    assert device.wait_for("time/failed")["again"] is None


def test_a_mute_server_costs_no_stall(clock, time_server):
    address = time_server(lambda query: None).address
    device = clock(address, every_s=1)
    device.ask("stall()")

    for _ in range(2):
        assert error_of(device) == f"no answer from {address} within 300 ms"
    assert device.ask("stall()") < 250


def test_a_frozen_server_costs_no_stall_and_is_used_again_once_thawed(clock, chronyd):
    device = clock(chronyd.address, every_s=1)
    device.wait_for("time/sync")
    device.ask("stall()")
    chronyd.freeze()

    assert "no answer" in error_of(device)
    assert device.ask("stall()") < 350
    chronyd.thaw()
    device.wait_for("time/sync")
    assert device.ask(STATUS)["last_error"] is None


def test_a_restarted_server_is_found_again(clock, chronyd):
    device = clock(chronyd.address, every_s=1)
    device.wait_for("time/sync")
    chronyd.stop()
    error_of(device)
    chronyd.start()

    device.wait_for("time/sync")
    assert device.ask(STATUS)["set"] is True


def test_the_clock_waits_for_transfers_to_end(clock, time_server):
    server = time_server(answer)
    device = clock(server.address, more='status.section("ftp")["transfers_now"] = 1')
    device.wait_until("service.deferred_s > 1")

    assert device.ask("sets") == []
    device.ask('status.section("ftp").update({"transfers_now": 0})')
    device.wait_for("time/sync")
    assert server.queries == 1


def test_a_clock_that_is_overdue_waits_no_longer(clock, chronyd):
    device = clock(
        chronyd.address,
        more='status.section("ftp")["transfers_now"] = 1\nClock.patience_s = 2',
    )

    device.wait_for("time/sync", timeout=10)


def test_the_network_coming_back_ends_the_wait(clock, time_server):
    server = time_server(lambda query: answer(query) if server.queries > 1 else kiss(query))
    device = clock(server.address)
    error_of(device)
    device.ask("service.shunned.clear()")
    device.ask('events.publish("network/up", address="127.0.0.1")')

    device.wait_for("time/sync", timeout=1.9)  # its own retry would come after two seconds


def test_a_stop_ends_the_service_at_once(clock, chronyd):
    device = clock(chronyd.address)
    device.wait_for("time/sync")

    device.ask("stop()", timeout=1)


@pytest.mark.parametrize("servers", [[], "pool.ntp.org", [""], [7], ["a b"], ["x"] * 9])
def test_a_wrong_list_of_servers_is_named(micropython, servers):
    with pytest.raises(micropython.failed, match="must be a list of 1 to 8 host names"):
        micropython(f"from services.time.options import OPTIONS\nOPTIONS['servers']({servers!r})")
