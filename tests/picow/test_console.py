"""The USB console: Ctrl-C, deployments onto a running board, soft resets, a host that stops."""

import json

import pytest
from picow.board import PATIENCE_S

AT_PROMPT_S = 30
SOFT_RESETS = 4  # three bad boots lead to rescue mode
STALLED_S = 30
LONGEST_STEP_S = 1


def boot_record(session):
    """The board's boot record."""
    lines = []
    session.retrlines("RETR /boot.json", lines.append)
    return json.loads("".join(lines))


def interrupt(board):
    """Press Ctrl-C; returns once the prompt is there."""
    since = len(board.console)
    board.type(b"\r\x03")
    board.wait_console(">>> ", since)


def test_ctrl_c_leaves_the_board_at_its_prompt(board):
    """For 30 s the board stays at its prompt, memory collected, and obeys; it is not reset.

    What feeds the watchdog there must not be garbage: a collection would end it.
    """
    interrupt(board)
    before = len(board.resets)
    board.type(b"import gc; gc.collect()\r")
    board.live(AT_PROMPT_S)
    assert board.resets[before:] == []
    since = len(board.console)
    board.type(b"print(6 * 7)\r")
    board.wait_console("\n42\n", since)
    assert board.resets[before:] == []


def test_deploy_onto_the_running_board(station, board, whole_tree):
    """`outpost deploy` interrupts Outpost and copies for longer than the watchdog would wait.

    The only reset is the one at its end, which is asked for.
    """
    if station.firmware.frozen:
        pytest.skip("NOT TESTED: a frozen Outpost is not deployed again")
    # Not all of them: a flash of 848 KiB has no room for a second whole version.
    for service in ("log", "network", "telemetry", "time", "update"):
        for path in (whole_tree / "services" / service).glob("*.py"):
            path.write_text(path.read_text() + "\n_CHANGED = 1\n")
    before = len(board.resets)
    started = board.seconds
    said = board.deploy(tree=whole_tree, config=None)
    assert board.seconds - started > 10, said  # else it proves nothing
    board.wait_serving()
    assert [reset["cause"] for reset in board.resets[before:]] == ["forced"], said
    assert "trying again" not in said


def test_soft_resets_are_no_watchdog_bites(board, ftp):
    """Ctrl-C and Ctrl-D again and again: no boot counts as a bad one, none is in rescue mode."""
    before = len(board.resets)
    first = boot_record(ftp())
    for number in range(1, SOFT_RESETS + 1):
        interrupt(board)
        since = len(board.console)
        board.type(b"\x04")
        board.wait_console("soft reboot", since)
        board.wait_console("board/boot", since)
        board.wait_serving()
        said = board.console[since:]
        record = boot_record(ftp())
        assert record["boots"] == first["boots"] + number
        assert record.get("bad", 0) <= first.get("bad", 0), record
        assert record["cause"] != "watchdog", record
        assert "rescue" not in said, said
        assert "blackbox" not in said, said
    assert board.resets[before:] == []


def test_presses_of_reset_are_no_bad_boots(board, ftp):
    """Power comes and goes: no rescue mode."""
    first = boot_record(ftp())
    for _ in range(SOFT_RESETS):
        since = len(board.console)
        board.power_cycle()
        board.wait_console("board/boot", since)
    board.wait_serving()
    record = boot_record(ftp())
    assert record.get("bad", 0) <= first.get("bad", 0), record
    assert "board/rescue" not in board.console[since:]


def test_host_that_does_not_read_the_console(board, watch, ftp):
    """A frozen terminal program at the USB port costs FTP nothing while the log goes on.

    Each login is a line of the log; the port's driver waits 500 ms for a host that does not
    read [MicroPython 1.28: shared/tinyusb/mp_usbd_cdc.c].
    """
    board.control("console stall")
    try:
        until = board.seconds + STALLED_S
        while board.seconds < until:
            with watch.within(LONGEST_STEP_S * 3, "a login and a NOOP"):
                session = ftp()
                with watch.within(LONGEST_STEP_S, "a NOOP"):
                    session.voidcmd("NOOP")
                session.quit()
        watch.check()
    finally:
        board.control("console read")
    assert watch.longest_feed_gap_ms < 3000


def test_watchdog_bites_where_the_loop_hangs(board):
    """The harness's own proof that a reset would be seen: an endless loop is reset within 10 s."""
    interrupt(board)
    before = len(board.emulator.events)
    code = "import machine\\nmachine.disable_irq()\\nwhile True: pass"
    board.type(f'exec("{code}")\r'.encode())
    event = board.emulator.wait("reset", before, timeout=PATIENCE_S)
    assert event["cause"] == "watchdog"
    board.wait_serving()
