"""SITE ntp: sets the clock now; borrowed for each use."""


async def ntp(clock, arg):
    """Sync now, despite transfers and kisses of death; return the result. Raises OSError."""
    if arg:
        raise ValueError("SITE NTP takes no argument; the servers stand in config.json")
    clock.hurry = True
    try:
        server, offset_ms = await clock.sync()
    finally:
        clock.hurry = False
    return "Clock set from %s, it was off by %+d ms." % (server, offset_ms)


# name -> (handler(clock, arg), usage, only for admins, is a coroutine)
COMMANDS = {"ntp": (ntp, "ntp: set the clock over NTP now", True, True)}
