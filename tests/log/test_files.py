"""Rotation: what stays where, and what a power cut at any write leaves."""


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
