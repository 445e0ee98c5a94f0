"""Stands in for micropython-lib's logging 0.6.2 where it can't be had: what Outpost uses of it."""

import io
import sys
import time

CRITICAL, ERROR, WARNING, INFO, DEBUG, NOTSET = 50, 40, 30, 20, 10, 0

_names = {50: "CRITICAL", 40: "ERROR", 30: "WARNING", 20: "INFO", 10: "DEBUG", 0: "NOTSET"}
_loggers = {}


class LogRecord:
    """One message. A logger has one record and fills it again for each message."""

    def set(self, name, level, message):
        """Fill the record."""
        self.name = name
        self.levelno = level
        self.levelname = _names[level]
        self.message = message
        self.ct = time.time()
        self.msecs = int(self.ct % 1 * 1000)
        self.asctime = None


class Formatter:
    """Makes a record's line from a pattern."""

    def __init__(self, fmt=None, datefmt=None):
        self.fmt = fmt or "%(levelname)s:%(name)s:%(message)s"
        self.datefmt = datefmt

    def format(self, record):
        """The line, without its end."""
        return self.fmt % {
            name: getattr(record, name)
            for name in ("name", "levelname", "message", "msecs", "asctime")
        }


class Handler:
    """Where records go; subclasses have emit(record)."""

    def __init__(self, level=NOTSET):
        self.level = level
        self.formatter = None

    def setLevel(self, level):
        """Take nothing below level."""
        self.level = level

    def setFormatter(self, formatter):
        """Make lines with formatter."""
        self.formatter = formatter

    def format(self, record):
        """The record's line."""
        return self.formatter.format(record)

    def close(self):
        """Nothing to let go of."""


class StreamHandler(Handler):
    """Writes each record to a stream, standard error unless told otherwise."""

    def __init__(self, stream=None):
        super().__init__()
        self.stream = stream or sys.stderr
        self.terminator = "\n"

    def emit(self, record):
        """Write one line."""
        if record.levelno >= self.level:
            self.stream.write(self.format(record) + self.terminator)


class Logger:
    """Takes messages; one without handlers hands them to the root's."""

    def __init__(self, name, level=NOTSET):
        self.name = name
        self.level = level
        self.handlers = []
        self.record = LogRecord()

    def setLevel(self, level):
        """Take nothing below level."""
        self.level = level

    def getEffectiveLevel(self):
        """This logger's level, or else the root's."""
        return self.level or getLogger().level or WARNING

    def isEnabledFor(self, level):
        """Whether a message of level would be taken."""
        return level >= self.getEffectiveLevel()

    def addHandler(self, handler):
        """Hand records to handler too."""
        self.handlers.append(handler)

    def hasHandlers(self):
        """Whether it has handlers of its own."""
        return bool(self.handlers)

    def log(self, level, msg, *args):
        """Take a message; args fill its pattern, one dict by name."""
        if not self.isEnabledFor(level):
            return
        if args:
            msg = msg % (args[0] if isinstance(args[0], dict) else args)
        self.record.set(self.name, level, msg)
        for handler in self.handlers or getLogger().handlers:
            handler.emit(self.record)

    def debug(self, msg, *args):
        """Take a message of level DEBUG; the methods below do the same for theirs."""
        self.log(DEBUG, msg, *args)

    def info(self, msg, *args):
        self.log(INFO, msg, *args)

    def warning(self, msg, *args):
        self.log(WARNING, msg, *args)

    def error(self, msg, *args):
        self.log(ERROR, msg, *args)

    def critical(self, msg, *args):
        self.log(CRITICAL, msg, *args)

    def exception(self, msg, *args, exc_info=True):
        """An error, and the traceback of exc_info as a second message."""
        self.error(msg, *args)
        error = exc_info if isinstance(exc_info, BaseException) else sys.exc_info()[1]
        if error:
            text = io.StringIO()
            sys.print_exception(error, text)
            self.error(text.getvalue())


def getLogger(name="root"):
    """The logger called name; the root has a stream handler from its beginning."""
    name = name or "root"
    if name not in _loggers:
        _loggers[name] = Logger(name)
        if name == "root":
            basicConfig()
    return _loggers[name]


def basicConfig(format=None, datefmt=None, level=WARNING, stream=None, force=False):
    """Give the root a stream handler, unless it has handlers and force is false."""
    root = _loggers.setdefault("root", Logger("root"))
    if root.handlers and not force:
        return
    handler = StreamHandler(stream)
    handler.setLevel(level)
    handler.setFormatter(Formatter(format, datefmt))
    root.handlers = [handler]
    root.setLevel(level)


def debug(msg, *args):
    """Take a message of level DEBUG; the functions below do the same for theirs."""
    getLogger().debug(msg, *args)


def info(msg, *args):
    getLogger().info(msg, *args)


def warning(msg, *args):
    getLogger().warning(msg, *args)


def error(msg, *args):
    getLogger().error(msg, *args)


def critical(msg, *args):
    getLogger().critical(msg, *args)


def exception(msg, *args, exc_info=True):
    getLogger().exception(msg, *args, exc_info=exc_info)
