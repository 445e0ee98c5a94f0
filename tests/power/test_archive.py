"""Power cuts while many files become the archive, and back: each write leaves a whole Outpost.

The steps are those of `outpost deploy` and of an update's journal, carried out on a LittleFS in
memory. After each cut the board boots as its boot.py does, the one from before archives too, and
imports: all modules are of one form, whichever that is.
"""

import json

import pytest
from outpost import bundle
from outpost.bundle import DeviceFile
from outpost.deploy import make_plan
from outpost.push import bridge
from outpost.serial_board import _STEPS, Found
from outpost.serial_scripts import SWITCH

TREE = bundle.tree_root()
CACHE = TREE / "build" / "mpy"
MODULES = ("daemon", "assemble", "hal.__init__", "hal.files", "hal.one", "hal.two_late")
FILLERS = tuple(f"hal.filler{number}" for number in range(30))  # more than one script moves

SCRIPT = """
import json, os, sys, vfs
import journal, ramflash, recovery

with open(sys.argv[1]) as file:
    given = json.load(file)
exec(given["switch"], globals())

def put(path, content):
    at = path.find("/", 1)
    while at > 0:
        try:
            os.mkdir(path[:at])
        except OSError:
            pass
        at = path.find("/", at + 1)
    with open(path, "wb") as file:
        file.write(bytes(content, "latin") if isinstance(content, str) else content)

contents = {}  # read once, while the host's files are there
for kind in ("old", "new"):
    for path, where in given[kind].items():
        with open(where, "rb") as file:
            contents[kind, path] = file.read()

def prepare():
    for kind, path in contents:
        if kind == "old":
            put(path, contents[kind, path])
        elif (given["old"].get(path) and contents.get(("old", path)) == contents[kind, path]):
            pass
        else:
            put(given["stage"] % path, contents[kind, path])
    if given["plan"]:
        put("/prev/plan", given["plan"])
        for line in given["plan"].split("\\n"):
            if line[:1] == "m":  # APPLY makes them
                os.mkdir(line[2:])
        recovery.keep({"boots": 3, "end": "", "update": {"state": "applying", "to": "2"}})

def deploy():
    steps = given["steps"]
    for at in range(0, len(steps), given["at_once"]):
        switch(*steps[at : at + given["at_once"]])

def boot():
    "What boot.py does, up to the modules: V of each, and which main.py there is."
    recovery.settle("power-on", False)
    sys.path[:] = [path for path in sys.path if not path.startswith("/.o")]
    for _, point in vfs.mount():
        if point == "/.o":
            vfs.umount(point)
    for name in list(sys.modules):
        if name.split(".")[0] in ("archive", "daemon", "assemble", "hal", "services"):
            del sys.modules[name]
    with open("/boot.py") as file:
        text = file.read()
    if "trouble = mount()" in text:
        try:
            import archive
            archive.start()
        except ImportError:
            pass
    found = []
    from hal import files
    for name in given["modules"]:
        found.append(__import__(name, None, None, ("V",)).V)
    return found

class Flash(ramflash.RamFlash):
    "What is written without power fails, and raises nothing: settle() would catch it."

    off = property(lambda self: self._off)

    def __init__(self, data=None):
        super().__init__(160, data)

    def writeblocks(self, block, buffer, offset=0):
        try:
            super().writeblocks(block, buffer, offset)
        except ramflash.PowerCut:
            return -5

    def ioctl(self, operation, argument):
        try:
            return super().ioctl(operation, argument)
        except ramflash.PowerCut:
            return -5

seen = {}
def check(done):
    try:
        found = boot()
    except Exception as error:
        sys.print_exception(error)
        raise Exception("no boot: %r" % error)
    assert len(set(found)) == 1, found
    seen[found[0]] = seen.get(found[0], 0) + 1
    if done:
        assert found[0] == given["becomes"], found
        left = os.listdir("/")
        assert "next" not in left, left

recovery.print = lambda *words: None
sys.path[:] = ["/"]
cuts = ramflash.at_every_write(
    prepare, deploy if not given["plan"] else lambda: recovery.settle("power-on", False), check,
    Flash)
print(json.dumps([cuts, seen]))
"""


def compiled(name, text):
    path = "/" + name.replace(".", "/") + ".mpy"
    return DeviceFile(path, bundle.compiled(text.encode(), name, CACHE))


def source(name):
    return DeviceFile(f"/{name}.py", (TREE / f"{name}.py").read_bytes())


def old_boot():
    text = source("boot").content.decode().replace("trouble = mount()", "trouble = None")
    return DeviceFile("/boot.py", text.encode())


def plain(value):
    """A plain Outpost, as modules that tell `value`, of before there were archives."""
    made = [compiled(name, f"V = {value!r}\n") for name in (*MODULES, *FILLERS)]
    return [*made, old_boot(), DeviceFile("/main.py", b"# " + value.encode())]


def archived(value):
    """The same in an archive, with its readers."""
    made = [compiled(name, f"V = {value!r}\n") for name in (*MODULES, *FILLERS)]
    readers = [compiled(name, (TREE / f"{name}.py").read_text()) for name in bundle.READERS]
    main = DeviceFile("/main.py", b"# " + value.encode())
    return bundle.packed([*made, *readers, source("boot"), main])


@pytest.fixture
def cut_everywhere(micropython, tmp_path):
    """A callable(old, new, becomes, steps, plan) -> how many cuts, and what they left."""

    def write(kind, files):
        found = {}
        for number, file in enumerate(files):
            place = tmp_path / f"{kind}{number}"
            place.write_bytes(file.content)
            found[file.path] = str(place)
        return found

    def run(old, new, becomes, steps=(), plan=None):
        given = tmp_path / "given.json"
        given.write_text(
            json.dumps(
                {
                    "switch": SWITCH,
                    "at_once": _STEPS,
                    "old": write("old", old),
                    "new": write("new", new),
                    "stage": "/next%s" if plan else "%s.new",
                    "steps": list(steps),
                    "plan": plan,
                    "modules": [name.removesuffix(".__init__") for name in MODULES],
                    "becomes": becomes,
                }
            )
        )
        said = micropython(SCRIPT, given, timeout=280, heap="4M")
        return json.loads(said.splitlines()[-1])

    return run


def deployed(old, new):
    """The steps of a deployment of `new` over `old`."""
    return make_plan(new, Found({file.path: file.sha256 for file in old})).steps


def planned(old, new):
    """The plan of an update, and the files that it stages."""
    before = {file.path: file.sha256 for file in old}
    staged = [file for file in new if before.get(file.path) != file.sha256]
    wanted = {file.path for file in new}
    folders = {path.rpartition("/")[0] for path in wanted} - {
        path.rpartition("/")[0] for path in before
    }
    lines = ['{"to": "2", "from": "1"}', *(f"m {folder}" for folder in sorted(folders))]
    lines += [f"{'r' if file.path in before else 'n'} {file.path}" for file in staged]
    kept = ("/boot.py", "/archive.mpy")
    lines += [f"d {path}" for path in sorted(before) if path not in wanted and path not in kept]
    return staged, "".join(f"{line}\n" for line in lines)


@pytest.mark.timeout(300)
def test_a_deployment_from_many_files_to_the_archive(cut_everywhere):
    old, new = plain("plain"), archived("archive")
    cuts, seen = cut_everywhere(old, new, "archive", deployed(old, new))
    assert cuts > 30
    assert set(seen) == {"plain", "archive"}


@pytest.mark.timeout(300)
def test_a_deployment_from_the_archive_to_plain_files(cut_everywhere):
    old = archived("archive")
    new = [*plain("plain"), *(file for file in old if file.path.startswith("/archive"))]
    new = [file for file in new if file.path != "/boot.py"] + [source("boot")]
    cuts, seen = cut_everywhere(old, new, "plain", deployed(old, new))
    assert cuts > 30
    assert set(seen) == {"plain", "archive"}


@pytest.mark.timeout(300)
def test_an_update_that_leaves_boot_py_as_it_was(cut_everywhere):
    old = plain("plain")
    new = [file for file in archived("archive") if file.path != "/boot.py"]
    staged, plan = planned(old, [*new, bridge.made(TREE)])
    cuts, seen = cut_everywhere(old, staged, "archive", plan=plan)
    assert cuts > 30
    assert set(seen) == {"archive"}, "recovery goes on before anything is imported"


@pytest.mark.timeout(300)
def test_an_update_back_to_the_files_of_before(cut_everywhere):
    """By an older tool, too: it does not know that an archive has to go."""
    old = [*archived("archive")]
    new = [file for file in plain("plain") if file.path != "/boot.py"]
    staged, plan = planned(old, new)
    plan = plan.replace("d /outpost.bin\n", "")
    cuts, seen = cut_everywhere(old, staged, "plain", plan=plan)
    assert cuts > 30
    assert set(seen) == {"plain"}
