"""The scripts that mpremote's exec runs on a board at a serial port."""

# mpremote writes through f and w. An interrupted copy leaves the file open; if a later garbage
# collection closed it, that would damage the copy that replaced it.
LOOK = """\
import gc, os, sys
from binascii import hexlify
from hashlib import sha256
try:
    f.close()
except Exception:
    pass
f = w = None
gc.collect()
block = memoryview(bytearray(512))
def show(path):
    whole = sha256()
    with open(path, "rb") as file:
        n = file.readinto(block)
        while n:
            whole.update(block[:n])
            n = file.readinto(block)
    print("file", hexlify(whole.digest()).decode(), path)
def walk(folder):
    for entry in os.ilistdir(folder):
        path = folder + "/" + entry[0]
        if entry[1] & 0x4000:
            walk(path)
        elif path.rsplit(".", 1)[-1] in ("py", "mpy", "new"):
            show(path)
def look(action, paths):
    for path in paths:
        try:
            os.stat(path)
        except OSError:
            continue
        action(path)
version = sys.implementation[1]
machine = getattr(sys.implementation, "_machine", sys.platform)
print("board MicroPython %d.%d.%d," % (version[0], version[1], version[2]), machine)
print("mpy", getattr(sys.implementation, "_mpy", 0) & 255)
space = os.statvfs("/")
print("flash", space[0], space[0] * space[3])
"""
FOLDERS = """\
import os
for path in {}:
    try:
        os.mkdir(path)
    except OSError:
        pass
"""
SWITCH = """\
import os
def switch(*steps):
    for step in steps:
        path = step[1:]
        if step[0] == "+":
            os.rename(path + ".new", path)
            continue
        os.remove(path)
        try:
            while path.count("/") > 1:
                path = path[:path.rindex("/")]
                os.rmdir(path)
        except OSError:
            pass
"""
EXAMINE = """\
import gc
from binascii import hexlify
print("heap", gc.mem_free() + gc.mem_alloc())
try:
    with open({!r}, "rb") as file:
        print("content")
        n = file.read(256)
        while n:
            print("hex", hexlify(n).decode())
            n = file.read(256)
except OSError:
    pass
print("end")
"""
SYNC = "if hasattr(os, 'sync'): os.sync()"
