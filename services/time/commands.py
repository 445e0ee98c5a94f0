"""SITE ntp: an operator wants the clock set now; borrowed when that is typed."""


async def ntp(clock, arg):
    """Sync now, transfers or not, kiss of death or not; text of what it came to. OSError."""
    if arg:
        raise ValueError("SITE NTP takes no argument; the servers stand in config.json")
    clock.hurry = True
    try:
        server, offset_ms = await clock.sync()
    finally:
        clock.hurry = False
    return "Clock set from %s, it was off by %+d ms." % (server, offset_ms)


# name -> (handler(clock, arg), usage, for admins alone, is a coroutine)
COMMANDS = {"ntp": (ntp, "ntp: set the clock over NTP now", True, True)}
