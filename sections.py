"""Sections: what each service is given of config.json, and what is wrong with it.

Nothing here writes or hashes, so the same rules check a file before it runs.
"""

from services.borrow import borrow


def divided(settings, rows, problems):
    """Yield (name, keyword arguments) of each service in main.py's table that is wanted.

    The arguments are None where the service is off, and an exception where its rules can't be
    loaded. What is wrong is appended to problems, as lines that begin with the key.
    """
    import config

    watchdog = settings.get("watchdog", True)
    if watchdog is not True and watchdog is not False:
        problems.append("watchdog: must be true or false; it runs")
    if not isinstance(settings.get("name", ""), str):
        problems.append("name: must be text")
    known = ["name", "watchdog"]
    for name, _, _, needs in rows:
        known.append(name)
        section = settings.get(name, {})
        if name == "app" and section and not isinstance(section, dict):
            section = {"module": section}
        if section is None or (needs and not (isinstance(section, dict) and section.get(needs))):
            yield name, None
            continue
        try:
            rules = borrow("services.%s.options" % name, "OPTIONS")
            yield name, config.check(name, section, rules, problems)
        except Exception as error:
            yield name, error
    for key in settings:
        if key not in known:
            problems.append("%s: no such section; known are %s" % (key, ", ".join(known)))


def no_way_in(settings, rows, problems):
    """Why no admin could log in to a board that ran on settings; None where one can.

    problems: gets what is wrong with all of them.
    """
    why = None
    for name, given in divided(settings, rows, problems):
        if name != "ftp":
            continue
        if given is None:
            why = "ftp: null turns FTP off"
            continue
        if isinstance(given, Exception):
            continue
        users = given.get("users", {})
        before = len(problems)
        _, admins = borrow("services.ftp.access.setup", "checked")(users, problems)
        if not admins:
            found = problems[before:] or [
                "ftp.users: %s" % ("has no admin" if users else "is missing or empty")
            ]
            others = [problem for problem in problems[:before] if problem.startswith("ftp")]
            why = "no user with the role admin can log in; " + "; ".join(others + found)
    return why
