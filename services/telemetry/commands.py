"""The commands that a board obeys over MQTT if telemetry.commands allows it; borrowed for each."""

from micropython import const

_LONGEST = const(200)  # bytes
# command -> (SITE command, argument)
_WORDS = {
    "reboot": ("shutdown", "-r"),
    "sync": ("ntp", ""),
    "confirm": ("update", "confirm"),
    "rollback": ("update", "rollback"),
}
_APP = const("app")  # and a space: the rest goes to the application
_KNOWN = const("known are reboot, sync, confirm, rollback, app TEXT")


def busy(payload, publish):
    """Refuse a message to `command` that comes while another command runs."""
    try:
        word = payload[:_LONGEST].decode().partition(" ")[0]
    except UnicodeError:
        word = None
    error = "another command is still at work; say it again when that is done"
    known = word in _WORDS or word == _APP
    publish("command/done", command=word if known else None, ok=False, error=error)


async def obey(payload, retained, site, publish):
    """Do what a message to `command` says. publish(topic, **fields) reports the result.

    Unknown words are refused, and so is a retained message: the broker would send it again after
    each reboot.
    """
    word = None
    try:
        if retained:
            raise ValueError("it was retained, so it would come again at every connection")
        if len(payload) > _LONGEST:
            raise ValueError("too long; " + _KNOWN)
        word, blank, arg = payload.decode().partition(" ")
        if word == _APP and blank:
            name = "tell"
        elif word in _WORDS and not blank:
            name, arg = _WORDS[word]
        else:
            word = None
            raise ValueError("unknown; " + _KNOWN)
        text = await site.run(name, arg, True)
    except (KeyError, OSError, ValueError) as error:
        if isinstance(error, KeyError):
            error = "the service that does it does not run"
        publish("command/done", command=word, ok=False, error=str(error))
    else:
        publish("command/done", command=word, ok=True, text=text)
