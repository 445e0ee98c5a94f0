"""Records: takes the application's records from micropython-lib's logging; loaded if it logs."""

import logging

from services.log.lines import one_line


class _Handler(logging.Handler):
    """Passes the records of micropython-lib's loggers to the log."""

    def __init__(self, add, names):
        super().__init__()
        self._add = add
        self._names = names

    def emit(self, record):
        """Log one record. The logger reuses the object, so keep no reference to it."""
        # A level that the application made with addLevelName() has no name here.
        level = self._names.get(record.levelno) or str(record.levelno)
        self._add(level, record.levelno, "%s %s" % (record.name, one_line(str(record.message))))


def take(add, names, level):
    """Pass every record from level on to add(level's name, level, text).

    names: level number -> its name.
    """
    root = logging.getLogger()
    # Remove the default handler, which prints as the log does. The application's own handlers
    # stay.
    known = (logging.StreamHandler, _Handler)
    root.handlers = [other for other in root.handlers if type(other) not in known]
    root.addHandler(_Handler(add, names))
    root.setLevel(level)
