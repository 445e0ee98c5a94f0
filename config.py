"""config.json: reads it, checks a section, changes one value. Needed only at boot."""

import json
from errno import ENOENT

import jsontext
from hal.files import replace

PATH = "/config.json"
LAST_PROVEN = ".last"  # config.last is the last config.json that proved itself: see proven.py
_NO_TEXT = "not UTF-8 text"
_TOO_BIG = "too big for the memory"

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
    """Return (config, problems, life): a dict of sections, lines that say what is wrong, a word.

    life: "proven"; "trial" if the file is not the last proven one; "broken" if it isn't JSON and
    the proven one is used; "new" if neither exists. If the file can't be read, this is reported
    and the proven one is used: a bad block must not cut a board off. A missing file is restored
    from the proven one: nobody removes config.json on purpose and leaves config.last. Without
    both, everything has its default: this is a board's first boot.
    """
    proven = _last_proven(path)
    text, problem = _read(path)
    missing = text is None and problem is None
    damaged = problem == _NO_TEXT
    if text is not None:
        config, problem = _parse(text)
        if problem is None:
            return config, [], "proven" if _read(proven)[0] == text else "trial"
        damaged = True
    kept, trouble = _read(proven)
    if missing and kept is None and trouble is None:
        return {}, [], "new"
    config = _parse(kept)[0] if kept else None
    problem = "%s: %s" % (path, problem or "is missing")
    if config is None:
        return {}, [problem + "; running on defaults"], "new"
    if missing and _try_to_write(path, kept):
        return config, [problem + "; the last good one is back in its place"], "proven"
    problem += "; running on the last good one"
    return config, [problem], "broken" if damaged else "proven"


def last(path=PATH):
    """Return the last proven configuration, None if there is none that can be read."""
    kept = _read(_last_proven(path))[0]
    return _parse(kept)[0] if kept else None


def check(name, given, options, problems):
    """Return the keyword arguments that section `name` may use; append what is wrong to problems.

    options: key -> rule, which is "int LO HI", "str", "bool", "list" or "dict", with a "?" after
    its first word if null is allowed, or a function(value) that raises ValueError("must be ...").
    A wrong key is reported and left out, so its default is used; the other keys are kept.
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
    """Set the value at a tuple of keys in the file; missing objects are made.

    Everything else in the file keeps its text, order and indentation. If the file is equal to the
    proven one, that one is changed too, so that neither holds a password in clear. Raises OSError
    if the file can't be written, ValueError if it isn't JSON, MemoryError if nothing was changed.
    """
    text, problem = _read(path)
    kept, trouble = _read(_last_proven(path))
    if trouble == _TOO_BIG:
        raise MemoryError  # the unread copy may be equal and hold the old password
    if text is None and not problem:
        problem = trouble  # defaults must not replace a file that may be readable next time
        text = kept or "{}\n"
    problem = problem or _parse(text)[1]
    if problem:
        raise ValueError("%s: %s" % (path, problem))
    new = jsontext.replace(text, keys, value)
    replace(path, (new,))
    if kept == text:
        replace(_last_proven(path), (new,))


def _last_proven(path):
    """Return the path of the last proven copy of a config file."""
    return path.rpartition(".")[0] + LAST_PROVEN


def _wrong(value, rule):
    """Return how value breaks rule, or None. Texts are not shown: a key may hold a secret."""
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
    """Return the rule word of a JSON value."""
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
    """Return (the file's text, None), (None, None) if there is no file, or (None, why)."""
    try:
        with open(path) as file:
            return file.read(), None
    except OSError as error:
        return None, None if error.errno == ENOENT else "can't be read: %s" % error
    except UnicodeError:
        return None, _NO_TEXT
    except MemoryError:
        return None, _TOO_BIG


def _try_to_write(path, text):
    """Replace a file. Return False if it can't be written, for example on a full disk."""
    try:
        replace(path, (text,))
        return True
    except OSError:
        return False
