"""Takes in what the board tells its broker: states, events, crashes."""


class Listener:
    """Counts in an Outcome what a Rig's subscriber is given. state: the last one, as an object."""

    def __init__(self, rig, outcome):
        self.state = None
        self._rig = rig
        self._outcome = outcome
        self._read = 0  # messages that were looked at

    def listen(self):
        """Take in what has come since the last time."""
        messages = self._rig.subscriber.messages
        while self._read < len(messages):
            message = messages[self._read]
            messages[self._read] = None  # a day of them is much
            self._read += 1
            self._take(message)

    def _take(self, message):
        outcome = self._outcome
        topic = message.topic.partition("/")[2].partition("/")[2]
        if topic == "state":
            self.state = state = message.json
            outcome.states += 1
            if "heap" in state:
                point = self._rig.hour, state["heap"]["free_bytes"], state["ftp"]["sessions"]
                outcome.heap.append(point)
        elif topic.startswith("event/"):
            outcome.events += 1
            if topic in ("event/task/crash", "event/service/restart"):
                outcome.crashes.append(message.json)
