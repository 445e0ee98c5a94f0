"""config.json: read it, check it, build the services from it, change one value of it.

Only the boot needs this module: main.py unloads it, for it weighs as much as three sessions.
"""

import gc
import io
import json
import os
import sys

PATH = "/config.json"
LAST_GOOD = "/config.last"  # the last config.json that was JSON: a typo must not cut a board off

_KINDS = {
    "bool": "true or false",
    "int": "a whole number",
    "str": "text",
    "list": "a list",
    "dict": "an object",
    "null": "null",
    "float": "a fraction",
}


def load(path=PATH, last_good=LAST_GOOD):
    """Return (config, problems): a dict of sections, and what is wrong as lines of text.

    A missing file is no problem: everything has a default. One that is not JSON is named, and
    the last one that was is used in its place.
    """
    text = _read(path)
    if text is None:
        return {}, []
    config, problem = _parse(text)
    if problem is None:
        if _read(last_good) != text:
            try:
                _write(last_good, text)
            except OSError:
                pass  # a full disk: the copy waits for the next boot
        return config, []
    problem = "%s: %s" % (path, problem)
    config = _parse(_read(last_good) or "")[0]
    if config is None:
        return {}, [problem + "; running on defaults"]
    return config, [problem + "; running on the last good one"]


def build(rows, config, status, events, site, extras, borrow):
    """Return (services, problems): a service for each row that the config asks for.

    rows: (name, module, class, the key without which it isn't even imported, or None). extras:
    name -> more keyword arguments. borrow: services.borrow's, for the rules in options.py.
    A service that can't be made is named in the status and left out; what is wrong in the
    config comes back as lines of text.
    """
    services = []
    problems = []
    for name, module, class_name, needs in rows:
        section = config.get(name, {})
        if needs and not (isinstance(section, dict) and section.get(needs)):
            status.section(name)["state"] = "off"
            continue
        try:
            kind = getattr(__import__(module, None, None, (class_name,)), class_name)
            given = check(name, section, borrow(module + ".options", "OPTIONS"), problems)
            given.update(extras.get(name, {}))
            services.append(kind(status, events, site, **given))
        except Exception as error:
            sys.print_exception(error)
            text = "%s: %s" % (type(error).__name__, error)
            status.section(name).update({"state": "failed", "error": text})
        gc.collect()
    known = ["name"] + [row[0] for row in rows]
    for key in config:
        if key not in known:
            problems.append("%s: no such section; known are %s" % (key, ", ".join(known)))
    return services, problems


def check(name, given, options, problems):
    """Return the keyword arguments that section `name` may use; append what is wrong to problems.

    options: key -> rule, which is "int LO HI", "str", "bool", "list" or "dict", with a "?" after
    its first word where null will do, or a function(value) that raises ValueError("must be ...").
    A wrong key is named and left out, so that its default holds; the right ones beside it stay.
    """
    if not isinstance(given, dict):
        problems.append("%s: must be an object in braces; running on defaults" % name)
        return {}
    good = {}
    for key in given:
        if key not in options:
            known = ", ".join(sorted(options))
            problems.append("%s.%s: no such key; known are %s" % (name, key, known))
            continue
        wrong = _wrong(given[key], options[key])
        if wrong:
            problems.append("%s.%s: %s; running on its default" % (name, key, wrong))
        else:
            good[key] = given[key]
    return good


def put(keys, value, path=PATH):
    """Set the value at a tuple of keys in the file, made where it is missing.

    Everything else in the file keeps its text, order and indentation. OSError where the file
    can't be written, ValueError where it isn't JSON.
    """
    text = _read(path) or "{}\n"
    if _parse(text)[1]:
        raise ValueError("%s is not JSON" % path)
    try:
        text = _with(text, keys, value)
    except IndexError:  # MicroPython's parser takes what the scanner below does not
        raise ValueError("%s is not JSON" % path)
    _write(path, text)


def _wrong(value, rule):
    """Say what rule value breaks, or None. Texts are not shown: a key may hold a secret."""
    if not isinstance(rule, str):
        try:
            rule(value)
        except ValueError as error:
            return str(error)
        return None
    words = rule.split()
    kind = words[0]
    if kind.endswith("?"):
        if value is None:
            return None
        kind = kind[:-1]
    given = _kind(value)
    if kind == "int":
        if given == kind and int(words[1]) <= value <= int(words[2]):
            return None
        shown = json.dumps(value) if given == kind else _KINDS[given]
        return "must be a whole number from %s to %s, not %s" % (words[1], words[2], shown)
    return None if given == kind else "must be %s, not %s" % (_KINDS[kind], _KINDS[given])


def _kind(value):
    """The rule word of a JSON value."""
    if value is None:
        return "null"
    for kind, kind_type in (("bool", bool), ("int", int), ("str", str), ("list", list)):
        if isinstance(value, kind_type):
            return kind
    return "dict" if isinstance(value, dict) else "float"


def _parse(text):
    """Return (dict, None), or (None, what is wrong)."""
    stream = io.StringIO(text)
    try:
        config = json.load(stream)
    except ValueError:
        line = text[: stream.tell()].count("\n") + 1
        return None, "not JSON, look at line %d" % line
    if not isinstance(config, dict):
        return None, "must be an object in braces"
    return config, None


def _read(path):
    """The file's text, or None where there is none that can be read."""
    try:
        with open(path) as file:
            return file.read()
    except (OSError, UnicodeError):
        return None


def _write(path, text):
    """Replace the file by rename: a power cut leaves the old one or the new one."""
    part = path + ".new"
    with open(part, "w") as file:
        file.write(text)
    os.rename(part, path)


def _with(text, keys, value):
    """The JSON text with value at keys, all else untouched."""
    at = text.index("{")
    for depth, key in enumerate(keys):
        found = _member(text, at, key)
        if found < 0:
            for missing in reversed(keys[depth + 1 :]):
                value = {missing: value}
            comma = ", " if json.loads(text[at : _value_end(text, at)]) else ""
            new = "%s: %s%s" % (json.dumps(key), json.dumps(value), comma)
            return text[: at + 1] + new + text[at + 1 :]
        at = found
    return text[:at] + json.dumps(value) + text[_value_end(text, at) :]


def _member(text, at, key):
    """Where the value of key begins in the object that begins at `at`; -1 where it has none."""
    at += 1
    while True:
        while text[at] in " \t\r\n,":
            at += 1
        if text[at] == "}":
            return -1
        end = _string_end(text, at)
        name = json.loads(text[at:end])
        at = end
        while text[at] in " \t\r\n:":
            at += 1
        if name == key:
            return at
        at = _value_end(text, at)


def _value_end(text, at):
    """Where the JSON value that begins at `at` ends."""
    depth = 0
    while True:
        char = text[at]
        if char == '"':
            at = _string_end(text, at)
        else:
            if char in "{[":
                depth += 1
            elif char in "}]":
                if not depth:
                    return at  # the end of a number's or a word's object
                depth -= 1
            elif not depth and char in ", \t\r\n":
                return at
            at += 1
            if char not in "}]":
                continue
        if not depth:
            return at


def _string_end(text, at):
    """Where the JSON string whose quote stands at `at` ends."""
    at += 1
    while text[at] != '"':
        at += 2 if text[at] == "\\" else 1
    return at + 1
