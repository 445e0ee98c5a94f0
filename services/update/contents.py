"""Contents: reads /next/manifest.json in pieces, with little heap."""

import json
import os

from micropython import const

PATH = "/next/manifest.json"
_PIECE = const(128)
_LONGEST = const(400)  # characters of one text, including quotes
_VERSION_CHARS = const(32)  # short, so that the boot record fits beside its name on a full disk
_TRIAL_S = const(60)
_LONGEST_TRIAL_S = const(3600)


class Manifest:
    """The contents of a manifest without its files: version, outpost, boot, trial_s, removals.

    version: text of 1 to 32 printable characters. outpost: True if it is Outpost's version, False
    if the application's. boot: whether it may replace the files that boot the board. trial_s:
    seconds of health until it is confirmed. removals: list of paths. Raises ValueError.
    """

    def __init__(self):
        self.version = None
        self.boot = self.outpost = False
        self.trial_s = _TRIAL_S
        self.removals = []
        for key, _, value in entries():
            if key == "files":
                continue
            if key == "remove" and isinstance(value, str):
                self.removals.append(value)
            elif key == "version":
                self.version = _version(value)
            elif key == "boot":
                self.boot = value is True
            elif key == "outpost":
                self.outpost = value is True
            elif key == "trial_s":
                if not isinstance(value, int) or not 1 <= value <= _LONGEST_TRIAL_S:
                    raise ValueError("trial_s must be from 1 to %d seconds" % _LONGEST_TRIAL_S)
                self.trial_s = value
        if self.version is None:
            raise ValueError('it has no "version"')


def is_staged():
    """Whether there is a staged manifest."""
    try:
        os.stat(PATH)
        return True
    except OSError:
        return False


def entries():
    """Yield (key, name, value) of each entry: ("files", path, hash), ("remove", None, path), ...

    Raises ValueError if the file isn't JSON, or is nested deeper than two levels.
    """
    with open(PATH) as file:
        tokens = _tokens(file)
        _expect(tokens, "{")
        token = next(tokens)
        while token != "}":
            key = json.loads(token)
            _expect(tokens, ":")
            token = next(tokens)
            if token in ("{", "["):
                closing = "}" if token == "{" else "]"
                token = next(tokens)
                while token != closing:
                    name = None
                    if closing == "}":
                        name = json.loads(token)
                        _expect(tokens, ":")
                        token = next(tokens)
                    yield key, name, json.loads(token)
                    token = _after_comma(tokens, closing)
            else:
                yield key, None, json.loads(token)
            token = _after_comma(tokens, "}")


def _version(value):
    good = isinstance(value, str) and 0 < len(value) <= _VERSION_CHARS
    if not good or any([not "!" <= char <= "~" for char in value]):
        text = "version must have 1 to %d letters, digits and signs, and no blanks"
        raise ValueError(text % _VERSION_CHARS)
    return value


def _expect(tokens, wanted):
    if next(tokens) != wanted:
        raise ValueError("it isn't JSON: %s is missing" % wanted)


def _after_comma(tokens, closing):
    """Return the token after a comma, or the closing bracket."""
    token = next(tokens)
    if token == closing:
        return token
    if token != ",":
        raise ValueError("it isn't JSON: a comma or %s is missing" % closing)
    return next(tokens)


def _tokens(file):
    """Yield brackets, colons, commas, and raw texts and words. Raises ValueError at the end."""
    rest = ""
    while True:
        rest = rest.lstrip()
        size = _size_of_token(rest) if rest else 0
        if size:
            yield rest[:size]
            rest = rest[size:]
            continue
        piece = file.read(_PIECE)
        if not piece or len(rest) > _LONGEST:
            # This also ends a generator that is asked for a token after the last.
            raise ValueError("it isn't JSON, or it was cut, or a text in it is too long")
        rest += piece


def _size_of_token(text):
    """Return the length of the first token; 0 if it continues beyond the text."""
    if text[0] in "{}[]:,":
        return 1
    if text[0] != '"':
        for i in range(len(text)):
            if text[i] in ' \t\r\n,:"{}[]':
                return i
        return 0
    end = text.find('"', 1)
    while end > 0:
        slashes = end
        while text[slashes - 1] == "\\":
            slashes -= 1
        if (end - slashes) % 2 == 0:
            return end + 1
        end = text.find('"', end + 1)
    return 0
