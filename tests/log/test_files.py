"""Rotation: what stays where, how much at most, and what a power cut at any write leaves."""


def test_rotation_keeps_so_many_files_of_such_a_size_in_order(board):
    said = board("""
file = RotatingFile("/log/a", 1024, 2)
for n in range(200):
    file.write(["line %03d, filled up to a length of forty" % n] * 2)
say("names", sorted(os.listdir("/log")))
say("sizes", [os.stat("/log/" + name)[6] for name in os.listdir("/log")])
told = []
for name in ("a.2", "a.1", "a"):
    told += [int(line[5:8]) for line in lines("/log/" + name)]
say("told", told)
""")
    assert said["names"] == ["a", "a.1", "a.2"]
    assert max(said["sizes"]) <= 1024
    told = said["told"]
    assert told[-1] == 199
    assert told == [n for n in range(told[0], 200) for _ in range(2)][-len(told) :]


def test_keep_0_starts_the_file_over(board):
    said = board("""
file = RotatingFile("/log/a", 1024, 0)
for n in range(100):
    file.write(["line %03d, filled up to a length of forty" % n])
say("names", os.listdir("/log"))
say("last", lines("/log/a")[-1][:8])
say("size", os.stat("/log/a")[6])
""")
    assert said["names"] == ["a"]
    assert said["last"] == "line 099"
    assert said["size"] <= 1024


def test_a_batch_longer_than_a_file_is_spread_over_several(board):
    said = board("""
file = RotatingFile("/log/a", 1024, 9)
file.write(["line %03d, filled up to a length of forty" % n for n in range(60)])
say("sizes", [os.stat("/log/" + name)[6] for name in os.listdir("/log")])
say("lines", sum(len(lines("/log/" + name)) for name in os.listdir("/log")))
""")
    assert max(said["sizes"]) <= 1024
    assert said["lines"] == 60


def test_a_power_cut_at_any_write_of_a_rotation_loses_no_line_that_was_written(board):
    said = board(
        """
def entry(n):
    return "line %03d, filled up to a length of forty" % n

def prepare():
    file = RotatingFile("/log/a", 1024, 2)
    for n in range(0, 64, 2):  # a.1 and a.2 are there, a is nearly full
        file.write([entry(n), entry(n + 1)])

def act():
    RotatingFile("/log/a", 1024, 2).write([entry(n) for n in range(64, 74)])

def found():
    told = []
    for name in ("a.2", "a.1", "a"):
        if exists("/log/" + name):
            for line in lines("/log/" + name):
                n = int(line[5:8])
                assert line == entry(n), line
                told.append(n)
    return told

ends = {}
def check(done):
    told = found()
    assert told == list(range(told[0], told[-1] + 1)), told  # whole, in order, without a gap
    # At most the oldest file is gone; of the batch, what was closed before the cut is there.
    assert told[0] <= 48 and told[-1] >= 63, told
    assert not done or told[-1] == 73
    ends[told[-1]] = True
    RotatingFile("/log/a", 1024, 2).write([entry(told[-1] + 1)])  # and logging goes on
    assert found()[-1] == told[-1] + 1

ramflash.mount(flash)
prepare()
say("rotates", [len(found()), os.stat("/log/a")[6]])
say("cuts", ramflash.at_every_write(prepare, act, check))
say("ends", sorted(ends))
""",
        timeout=60,
    )
    assert said["cuts"] > 10
    assert said["ends"][0] == 63
    assert said["ends"][-1] == 73


ENTRY = """
def entry(n):
    return "line %03d, filled up to a length of forty" % n

def fill(max_bytes, keep, first=0):
    file = RotatingFile("/log/a", max_bytes, keep)
    for n in range(first, first + 300):
        file.write([entry(n)])

def sizes(folder="/log"):
    return {name: os.stat(folder + "/" + name)[6] for name in os.listdir(folder)}
"""


def test_a_lower_keep_removes_the_surplus_at_the_first_write(board):
    said = board(
        ENTRY
        + """
fill(1024, 9)
say("before", len(os.listdir("/log")))
for name in ("a.txt", "a.10x", "a.01", "b.7"):
    open("/log/" + name, "w").close()
RotatingFile("/log/a", 1024, 2).write([entry(300)])
say("after", sorted(os.listdir("/log")))
say("last", lines("/log/a")[-1][:8])
"""
    )
    assert said["before"] == 10
    assert said["after"] == ["a", "a.01", "a.1", "a.10x", "a.2", "a.txt", "b.7"]
    assert said["last"] == "line 300"


def test_a_lower_max_bytes_removes_the_oldest_until_all_is_within(board):
    said = board(
        ENTRY
        + """
fill(4096, 3)
RotatingFile("/log/a", 2048, 3).write([entry(300)])
say("sizes", sizes())
file = RotatingFile("/log/a", 1024, 0)
file.write([entry(301)])
say("one", sizes())
file.write([entry(302)])
say("last", lines("/log/a")[-1][:8])
"""
    )
    assert 4096 < sum(said["sizes"].values()) <= 2048 * 4
    assert "a" in said["sizes"]
    assert list(said["one"]) == ["a"]
    assert sum(said["one"].values()) <= 1024
    assert said["last"] == "line 302"


def test_characters_of_several_bytes_count_as_such(board):
    said = board(
        ENTRY
        + r"""
file = RotatingFile("/log/a", 1024, 2)
for n in range(12):
    file.write(["\u20ac\U0001f600" * 20] * 12)
say("sizes", sizes())
"""
    )
    assert sorted(said["sizes"]) == ["a", "a.1", "a.2"]
    assert 700 < max(said["sizes"].values()) <= 1024


def test_a_full_disk_takes_no_more_than_the_bound(board):
    said = board(
        ENTRY
        + """
fillers = 0
try:
    while True:  # one by one: what is not closed when the disk is full takes nothing
        with open("/filler%d" % fillers, "wb") as file:
            file.write(bytes(2000))
        fillers += 1
except OSError:
    pass
file = RotatingFile("/log/a", 1024, 2)
refused = 0
for n in range(200):
    try:
        file.write([entry(n)] * 4)
    except OSError:
        refused += 1
say("refused", refused)
say("full", sizes() if exists("/log") else {})
for n in range(fillers):
    os.remove("/filler%d" % n)
for n in range(100):
    file.write([entry(n)] * 4)
say("after", sizes())
"""
    )
    assert said["refused"]
    assert sum(said["full"].values()) <= 1024 * 3
    assert sorted(said["after"]) == ["a", "a.1", "a.2"]
    assert sum(said["after"].values()) <= 1024 * 3


def test_a_power_cut_while_the_surplus_goes_leaves_the_rest_to_the_next_boot(board):
    said = board(
        ENTRY
        + """
def prepare():
    fill(1024, 5)

def act():
    RotatingFile("/log/a", 1024, 1).write([entry(300)])

def check(done):
    told = lines("/log/a")
    assert told[-1] == entry(300 if done else 299) or told[-1] == entry(300), told
    RotatingFile("/log/a", 1024, 1).write([entry(301)])
    found = sizes()
    assert sorted(found) in (["a", "a.1"], ["a"]), found
    assert sum(found.values()) <= 2048
    assert lines("/log/a")[-1] == entry(301)

ramflash.mount(flash)
say("cuts", ramflash.at_every_write(prepare, act, check))
""",
        timeout=60,
    )
    assert said["cuts"] >= 4
