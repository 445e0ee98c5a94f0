"""Records: what the application says through micropython-lib's logging; imported where one is."""

import logging

from services.log.lines import one_line


class _Handler(logging.Handler):
    """Hands the records of micropython-lib's loggers to the log."""

    def __init__(self, add, names):
        super().__init__()
        self._add = add
        self._names = names

    def emit(self, record):
        """Take one record; its logger reuses the object, so nothing of it is kept."""
        # A level of the application's own (addLevelName) has no name here.
        level = self._names.get(record.levelno) or str(record.levelno)
        self._add(level, record.levelno, "%s %s" % (record.name, one_line(str(record.message))))


def take(add, names, level):
    """Have every record from level on handed to add(level's name, level, text).

    names: number of a level -> its name.
    """
    root = logging.getLogger()
    # Its default handler prints, and so does the log. An application's own stay.
    known = (logging.StreamHandler, _Handler)
    root.handlers = [other for other in root.handlers if type(other) not in known]
    root.addHandler(_Handler(add, names))
    root.setLevel(level)
