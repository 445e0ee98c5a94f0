"""config.json: read it, check a section of it, change one value of it. Needed at boot alone."""

import json
import os

import jsontext

PATH = "/config.json"
LAST_GOOD = ".last"  # config.last is the last config.json that was JSON: see load()
_PART = ".upload-config"  # what a power cut leaves of it goes with FTP's sweep of the next boot

_KINDS = {
    "bool": "true or false",
    "int": "a whole number",
    "str": "text",
    "list": "a list",
    "dict": "an object",
    "null": "null",
    "float": "a fraction",
}


def load(path=PATH):
    """Return (config, problems): a dict of sections, and what is wrong as lines of text.

    A missing file is no problem: everything has a default. One that is not JSON is named, and
    the last one that was is used in its place: a typo must not cut a board off.
    """
    last_good = _last_good(path)
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

    Everything else in the file keeps its text, order and indentation. The last good copy is
    renewed too: it shall not keep a password in clear. OSError where the file can't be written,
    ValueError where it isn't JSON.
    """
    text = _read(path) or "{}\n"
    problem = _parse(text)[1]
    if problem:
        raise ValueError("%s: %s" % (path, problem))
    text = jsontext.replace(text, keys, value)
    _write(path, text)
    _write(_last_good(path), text)


def _last_good(path):
    """Where the last good copy of a config file is kept."""
    return path.rpartition(".")[0] + LAST_GOOD


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
    try:
        return jsontext.parse(text), None
    except ValueError as error:
        return None, str(error)


def _read(path):
    """The file's text, or None where there is none that can be read."""
    try:
        with open(path) as file:
            return file.read()
    except (OSError, UnicodeError):
        return None


def _write(path, text):
    """Replace the file by rename: a power cut leaves the old one or the new one."""
    part = path[: path.rfind("/") + 1] + _PART
    with open(part, "w") as file:
        file.write(text)
    os.rename(part, path)
