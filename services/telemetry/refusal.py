"""What a broker refuses: reported in STAT, and not sent after the third time; borrowed."""

from micropython import const

from hal import uptime
from services.borrow import borrow, reason

_ENOUGH = const(3)  # times in a row; as in session.py
_GREETING = const("services.telemetry.greeting")


def lost(telemetry, error):
    """Note why there is no connection; publish it once, not at every attempt.

    Some brokers close the connection on a topic that an access list forbids, or on a packet above
    their limit. The message sent last is the cause, because all others were confirmed.
    """
    why = reason(error)
    what = telemetry.saying
    telemetry.saying = None
    if what and ("closed" in why or "reset" in why):
        unwelcome = telemetry.unwelcome
        unwelcome[what] = unwelcome.get(what, 0) + 1
        unwelcome[0] = uptime()
        if what == "event" and unwelcome[what] == _ENOUGH:
            telemetry.outbox.shed()  # an event may be too long
        tell(telemetry, ())
        why = "%s, on %s" % (why, _named(telemetry, what))
    status = telemetry.status
    if not status["last_error"]:
        telemetry.events.publish("telemetry/down", broker=status["broker"], error=why)
    status["last_error"] = why


def tell(telemetry, refused):
    """Show in STAT what this broker refuses and what to do. refused: subscriptions."""
    unwelcome = telemetry.unwelcome
    told = []
    if refused:
        topics = " and ".join(refused)
        told.append("the broker refuses the subscription to %s; %s" % (topics, _hint(topics)))
    for what in unwelcome:
        if what and unwelcome[what] >= _ENOUGH:
            named = _named(telemetry, what)
            if what == "subscription":
                hint = _hint(named)
            else:
                hint = "let this user publish there"
                if what not in ("status", "info"):
                    hint += ", and take packets of 8192 bytes"
                if what == "discovery":
                    hint += ", or set telemetry.discovery to false"
            text = "the broker closes the connection on %s, which is left out now; %s"
            told.append(text % (named, hint))
    problem = "; ".join(told) or None
    if problem or "problem" in telemetry.status:
        telemetry.status["problem"] = problem


def _hint(topics):
    """Return what to do about a refused subscription."""
    hint = "let this user subscribe to it, or set telemetry.%s to false"
    return hint % ("commands" if topics.endswith("/command") else "discovery")


def _named(telemetry, what):
    """Return the topic of a message, or the topics of the subscription."""
    if what == "discovery":
        return borrow(_GREETING, "home")(telemetry)[0]
    if what == "subscription":
        return " and ".join(borrow(_GREETING, "heard")(telemetry))
    return telemetry.base + ("event/#" if what == "event" else what)
