"""Joining: reads what boot.py needs to join the network, before main.py checks config.json."""


def options(config):
    """Return the arguments of hal.Link for the object in config.json; None if network is null.

    A missing or wrong value gets its default; main.py reports it.
    """
    section = config.get("network", {})
    if section is None:
        return None
    given = section if isinstance(section, dict) else {}
    texts = [given.get(key) for key in ("ssid", "password", "hostname", "country")]
    texts = [text if isinstance(text, str) else "" for text in texts]
    name = config.get("name", "outpost")
    if not texts[2] and isinstance(name, str):
        texts[2] = name
    lan = given.get("lan")
    networks = given.get("networks")
    networks = [
        one
        for one in (networks if isinstance(networks, list) else ())
        if isinstance(one, dict)
        and isinstance(one.get("ssid"), str)
        and isinstance(one.get("password", ""), str)
    ]
    found = texts + [lan if isinstance(lan, dict) else None]
    static = given.get("static")
    if isinstance(static, dict) and isinstance(static.get("address"), str):
        return found + [networks, static]
    return found + [networks] if networks else found
