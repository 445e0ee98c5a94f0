"""Events: how services inform each other; Backlog: a bounded queue of events."""

import io
import sys
from collections import deque

from asyncio import Event


class Events:
    """Publish and subscribe inside the board. An event is a topic and a dict of JSON scalars."""

    def __init__(self, say=print):
        """say: prints one text, even if no host reads the console."""
        self._say = say
        self._subscribers = []
        # Counts exceptions of subscribers, which are not passed to the publisher, and events for
        # which there was no memory. STAT shows it as lost_events of the board.
        self.failures = 0

    def subscribe(self, handler):
        """Call handler(topic, fields) at every event.

        The handler must not block, nor keep or change the dict, which all subscribers get.
        """
        self._subscribers.append(handler)

    def unsubscribe(self, handler):
        """Stop calling handler. Does nothing if it is not subscribed."""
        if handler in self._subscribers:
            self._subscribers.remove(handler)

    def publish(self, topic, **fields):
        """Call every subscriber's handler at once. Never waits.

        Raises only MemoryError, if there is no memory for the event itself.
        """
        for handler in self._subscribers:
            try:
                handler(topic, fields)
            except Exception as error:
                self.failures += 1
                self._show(error)

    def _show(self, error):
        try:
            out = io.StringIO()
            sys.print_exception(error, out)
            self._say(out.getvalue())
        except MemoryError:
            pass  # it is counted in `failures`


class Backlog:
    """A queue of at most `size` items. When it is full, it drops and counts the oldest."""

    def __init__(self, size):
        self.size = size
        self.dropped = 0
        self._items = deque((), size)
        self._filled = Event()

    def __len__(self):
        return len(self._items)

    def put(self, item):
        """Append item; if the queue is full, drop the oldest first."""
        if len(self._items) >= self.size:
            self.drop()
        self._items.append(item)
        self._filled.set()

    def drop(self):
        """Drop and count the oldest item; does nothing if there is none."""
        if self._items:
            self._items.popleft()
            self.dropped += 1

    def peek(self, index=0):
        """Return the item at index, 0 the oldest, without removing it. Raises IndexError."""
        return self._items[index]

    def pop(self):
        """Remove and return the oldest item. Raises IndexError if the backlog is empty."""
        item = self._items.popleft()
        if not self._items:
            self._filled.clear()
        return item

    async def wait(self):
        """Wait until there is an item."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
