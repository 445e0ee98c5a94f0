"""LIST's dates, MFMT's times and the log's lines: right for every second and every name."""

import json
import unicodedata
from datetime import UTC, datetime, timedelta

from fuzz.interpreter import many
from hypothesis import given
from hypothesis import strategies as st

DEVICE = """
from time import gmtime
from services.ftp.files import listing, times
from services.ftp.files.listing import Listing, stamp
from services.log.lines import event_text, one_line


def dates(epoch, now, offset, mtimes):
    '''LIST's dates of files listed one after the other.'''
    listing.gmtime = lambda when: gmtime(when + epoch)  # of a port whose time begins then
    lines = Listing(epoch, now, offset)
    dates = [lines.date(mtime - epoch) for mtime in mtimes]
    listing.gmtime = gmtime
    return dates


def event_line(topic, fields):
    return event_text(topic, fields).decode()


def stamped(when):
    return stamp(when, 0)


def seconds(text):
    try:
        return times.seconds(text)
    except ValueError:
        return None
"""

UNIX = datetime(1970, 1, 1, tzinfo=UTC)
SINCE_2000 = 946684800
CLOCK_SET = datetime(2025, 1, 1, tzinfo=UTC)
TIMES = st.integers(SINCE_2000, 2**32 - 1)
HALF_A_YEAR = timedelta(days=180)


def at(seconds):
    return UNIX + timedelta(seconds=seconds)


def as_ls(when, now, offset):
    """What `ls -l` shows, in twelve characters."""
    local = when + offset
    month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][
        local.month - 1
    ]
    if now >= CLOCK_SET and -timedelta(days=1) < now - when < HALF_A_YEAR:
        return f"{month} {local.day:2} {local:%H:%M}"
    return f"{month} {local.day:2}  {local.year}"


@st.composite
def neighbours(draw):
    """Times of files that were often written together."""
    base = draw(TIMES)
    steps = st.sampled_from([0, 1, 59, 60, -60, 3600, 86400, -86400, 200 * 86400])
    found = [base]
    for step in draw(st.lists(steps, max_size=5)):
        found.append(min(max(found[-1] + step, SINCE_2000), 2**32 - 1))
    return found


@given(
    st.sampled_from([0, SINCE_2000]),
    neighbours(),
    st.integers(-86400 * 2, 86400 * 200),
    st.integers(-720, 840),
)
@many(300)
def test_a_date_of_list_is_that_of_ls_whatever_was_listed_before(
    device, epoch, mtimes, age, offset_min
):
    now = mtimes[-1] + age

    found = device("dates", epoch, now, offset_min * 60, mtimes)

    offset = timedelta(minutes=offset_min)
    assert found == [as_ls(at(mtime), at(now), offset) for mtime in mtimes]


@given(TIMES)
@many(150)
def test_a_time_is_written_as_rfc_3659_has_it_and_read_again(device, when):
    text = device("stamped", when)

    assert text == f"{at(when):%Y%m%d%H%M%S}"
    assert device("seconds", text) == when


@given(
    st.one_of(
        st.text(st.sampled_from("0123456789.-+ "), max_size=16),
        st.tuples(
            st.integers(1960, 2110), st.integers(0, 13), st.integers(0, 32), st.integers(0, 24),
            st.integers(0, 60), st.integers(0, 61), st.sampled_from(["", ".5", ".", ".x"]),
        ).map(lambda parts: "{:04}{:02}{:02}{:02}{:02}{:02}{}".format(*parts)),
    )
)  # fmt: skip
@many(300)
def test_only_a_time_that_there_is_is_taken(device, text):
    digits, point, fraction = text.partition(".")
    expected = None
    if digits.isdigit() and len(digits) == 14 and (not point or fraction.isdigit()):
        try:
            when = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
            expected = (when - UNIX) // timedelta(seconds=1)
        except ValueError:
            pass
    if expected is not None and not 0 <= expected < 2**32:
        expected = None

    assert device("seconds", text) == expected


ANY_TEXT = st.one_of(
    st.text(max_size=30),
    st.text(st.sampled_from('a ="\\\n\r\t\x1b\x7f\0\x9b\u2028é☃😀'), max_size=12),
    st.integers(100, 300).map(lambda size: "x" * size),
)


def is_one_line(text):
    """True where no terminal and no reader of lines takes it for anything but text of one line."""
    return not any(unicodedata.category(letter) == "Cc" for letter in text)


@given(ANY_TEXT)
@many(200)
def test_a_line_of_the_log_is_one_line_whatever_its_text(device, text):
    line = device("one_line", text)

    assert is_one_line(line)
    assert len(line) <= 4 * 203
    if is_one_line(text) and len(text) <= 200 and not set('"\\') & set(text):
        assert line == text


@given(
    st.dictionaries(st.sampled_from(["path", "user", "n", "password", "tls_secret", "ok"]),
                    st.one_of(ANY_TEXT, st.integers(-9, 9), st.booleans(), st.none())),
)  # fmt: skip
@many(200)
def test_an_event_of_the_log_is_one_line_that_can_be_read_again(device, fields):
    line = device("event_line", "ftp/transfer", fields)

    assert is_one_line(line)
    rest = line.removeprefix("ftp/transfer")
    for key in sorted(key for key, value in fields.items() if value is not None):
        assert rest.startswith(f" {key}="), rest
        rest = rest[len(key) + 2 :]
        if rest.startswith('"'):
            value, end = json.JSONDecoder().raw_decode(rest)
            rest = rest[end:]
        else:
            value, space, rest = rest.partition(" ")
            rest = space + rest
        if "password" in key or "secret" in key:
            assert value == "***"
        elif isinstance(fields[key], bool):
            assert value == str(fields[key]).lower()
        else:
            wanted = str(fields[key])
            assert value == wanted or (len(wanted) > 120 and value == wanted[:120] + "...")
    assert rest == ""
