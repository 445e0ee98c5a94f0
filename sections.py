"""Sections: divides config.json among the services, and says what is wrong with it.

Nothing here writes files or hashes passwords, so the rules can also check a file before it runs.
"""

from services.borrow import borrow


def divided(settings, rows, problems):
    """Yield (name, keyword arguments) for each service in main.py's table.

    The arguments are None if the service is off, and an exception if its rules can't be loaded.
    Problems are appended to problems, as lines that begin with the key.
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
    """Return why no admin could log in to a board with these settings; None if one can.

    problems: the problems of all sections are appended to it.
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
