"""Events: how services tell each other what happened; Backlog: a bounded queue of them."""

import io
import sys
from collections import deque

from asyncio import Event


class Events:
    """Publish and subscribe inside the board. An event is a topic and a dict of JSON scalars."""

    def __init__(self, say=print):
        """say: prints one text, whether or not anybody reads the console."""
        self._say = say
        self._subscribers = []
        # Subscribers' exceptions, which never reach the publisher; events that found no memory.
        # STAT shows it as lost_events of the board.
        self.failures = 0

    def subscribe(self, handler):
        """Call handler(topic, fields) at every event; it must not wait nor keep the dict's owner.

        All subscribers are given the same dict: copy it before changing it.
        """
        self._subscribers.append(handler)

    def unsubscribe(self, handler):
        """Stop calling handler; one that was never subscribed is ignored."""
        if handler in self._subscribers:
            self._subscribers.remove(handler)

    def publish(self, topic, **fields):
        """Hand the event to every subscriber at once. Never waits.

        Raises nothing but MemoryError, where the heap has no room for the event itself.
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
            pass  # `failures` tells of it


class Backlog:
    """At most `size` waiting items, first in, first out; a full one drops the oldest, counted."""

    def __init__(self, size):
        self.size = size
        self.dropped = 0
        self._items = deque((), size)
        self._filled = Event()

    def __len__(self):
        return len(self._items)

    def put(self, item):
        """Append item; where that would overflow, drop the oldest."""
        if len(self._items) >= self.size:
            self.drop()
        self._items.append(item)
        self._filled.set()

    def drop(self):
        """Drop the oldest item, counted; nothing where there is none."""
        if self._items:
            self._items.popleft()
            self.dropped += 1

    def peek(self, index=0):
        """Return the item at index, 0 the oldest, and leave it there; IndexError where none is."""
        return self._items[index]

    def pop(self):
        """Take the oldest item out; IndexError where the backlog is empty."""
        item = self._items.popleft()
        if not self._items:
            self._filled.clear()
        return item

    async def wait(self):
        """Return as soon as there is an item."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
