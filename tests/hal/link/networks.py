"""Fakes of `network`, port by port: they allow and refuse what MicroPython's sources say.

The sources are those of 1.24 to 1.29; the lines named are those of 1.28.
"""

# extmod/modnetwork.c 124 (country), 143 (hostname).
COMMON = """
calls = []
names = ["mpy", "XX"]

def hostname(name=None):
    if name is None:
        return names[0]
    if len(name) > 32:
        raise ValueError()
    names[0] = name

def country(code=None):
    if code is None:
        return names[1]
    if len(code) != 2:
        raise ValueError()
    names[1] = code
"""


# extmod/network_cyw43.c, lib/cyw43-driver/src/cyw43_ctrl.c, cyw43_lwip.c.
CYW43 = (
    COMMON
    + """
class Radio:
    state = 0  # cyw43.h 98: DOWN, JOIN, NOIP, UP; FAIL -1, NONET -2, BADAUTH -3
    active = False

class WLAN:
    PM_NONE = 16
    def __new__(cls, *arguments):  # line 96: always the same object
        return one
    def active(self, on=None):
        if on is None:
            return Radio.active
        if on and not Radio.active:  # the name and the country are read here
            calls.append("on %s %s" % tuple(names))
        elif not on:
            calls.append("off")
            Radio.state = 0
        Radio.active = on
    def status(self, what=None):
        return Radio.state if what is None else -70  # line 369: whatever the state
    def isconnected(self):
        return Radio.state == 3
    def config(self, **options):
        for name in options:
            if name != "pm":  # line 510
                raise ValueError("unknown config param")
        calls.append("config %s" % options)
    def disconnect(self):
        calls.append("disconnect")
    def connect(self, ssid, key):
        if not Radio.active:
            raise OSError(1)  # cyw43_wifi_join: EPERM
        calls.append("connect %s %s" % (ssid, key))
        Radio.state = 1
    def ifconfig(self, given=None):
        if given:
            address, mask, gateway, dns = given  # network_lwip.c, network_common.c 114
            return calls.append("address %s %s %s %s" % given)
        return ("192.168.4.2", "255.255.255.0", "192.168.4.1", "192.168.4.1")

one = object.__new__(WLAN)
"""
)


# ports/esp32/network_wlan.c.
ESP32 = (
    COMMON
    + """
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010  # modnetwork.h 63

class Radio:
    active = busy = joined = address = requested = False
    reason = retried = limit = 0

def fails(reason):
    '''An attempt ends: the driver's event, line 107.'''
    Radio.busy = Radio.joined = Radio.address = False
    Radio.reason = reason
    if Radio.requested:
        if Radio.limit:
            Radio.retried += 1
            if Radio.retried >= Radio.limit:
                return
        Radio.busy = True

def joins():
    Radio.busy, Radio.joined = False, True

def leased():
    Radio.address = True
    Radio.reason = 0  # line 186: only here

class WLAN:
    PM_NONE = 0
    def __new__(cls, *arguments):
        return one
    def active(self, on=None):
        if on is None:
            return Radio.active
        Radio.active = on
        calls.append("on" if on else "off")
    def status(self, what=None):
        if what is not None:  # line 421
            if not Radio.joined:
                raise OSError("Wifi Not Connected")
            return -70
        if Radio.address:
            return STAT_GOT_IP
        if Radio.reason in (201, 210, 211, 212):
            return Radio.reason
        if Radio.reason in (202, 205):
            return 202
        if Radio.reason == 8:
            return STAT_IDLE
        if Radio.requested and (Radio.limit == 0 or Radio.retried < Radio.limit):
            return STAT_CONNECTING
        return Radio.reason or STAT_IDLE
    def isconnected(self):
        return Radio.address
    def config(self, **options):
        if not Radio.active:
            raise OSError("Wifi Not Started")
        for name in options:
            if name == "reconnects":  # line 629
                Radio.limit = options[name] + 1
            elif name != "pm":
                raise ValueError("unknown config param")
    def disconnect(self):
        calls.append("disconnect")
        Radio.requested = False
        if Radio.busy or Radio.joined:
            fails(8)
    def connect(self, ssid, key):
        if Radio.busy:
            raise OSError("Wifi Internal State Error")
        calls.append("connect %s %s as %s" % (ssid, key, names[0]))  # line 349: the name
        Radio.busy, Radio.retried, Radio.requested = True, 0, True
    def ifconfig(self, given=None):
        if given:
            address, mask, gateway, dns = given  # network_lwip.c, network_common.c 114
            return calls.append("address %s %s %s %s" % given)
        return ("192.168.4.2", "255.255.255.0", "192.168.4.1", "192.168.4.1")

one = object.__new__(WLAN)
"""
)


# ports/esp32/network_lan.c.
LAN = """
PHY_LAN8710, PHY_LAN8720, PHY_W5500 = 0, 1, 102  # modnetwork.h 47

class Ethernet:
    status_now = 0  # ETH_INITIALIZED, STARTED, STOPPED, CONNECTED, DISCONNECTED, GOT_IP
    on = False
    def active(self, on=None):
        if on is not None and on != Ethernet.on:
            Ethernet.on = on
            calls.append("lan %s as %s" % (on, names[0]))  # line 363: the name
        return Ethernet.on
    def status(self):
        return Ethernet.status_now
    def isconnected(self):
        return Ethernet.on and Ethernet.status_now == 5
    def ifconfig(self, given=None):
        if given:
            address, mask, gateway, dns = given  # network_lwip.c, network_common.c 114
            return calls.append("address %s %s %s %s" % given)
        return ("10.1.2.3", "255.255.255.0", "10.1.2.1", "10.1.2.1")

opened = None

def LAN(id=None, **options):
    global opened
    if opened:  # line 111: before it looks at any argument
        return opened
    for name in ("phy_addr", "phy_type"):
        if name not in options:
            raise TypeError("'%s' argument required" % name)
    if options["phy_type"] < 100 and not ("mdc" in options and "mdio" in options):
        calls.append("lost memory")
        raise ValueError("mdc and mdio must be specified")
    calls.append(["lan"] + sorted(
        (name, getattr(options[name], "name", getattr(options[name], "made", options[name])))
        for name in options))
    opened = Ethernet()
    return opened
"""


# extmod/network_wiznet5k.c; ports/rp2/boards/W5500_EVB_PICO has pins for it.
WIZNET = (
    COMMON
    + """
class Chip:
    up = plugged = leased = False

class WIZNET5K:
    def __new__(cls, *arguments):
        Chip.up = False  # line 696: flags = 0
        if not arguments and not has_pins:
            raise TypeError("function missing 3 required positional arguments")
        if arguments and len(arguments) not in (3, 4):
            raise TypeError("function expected at most 4 arguments")
        calls.append(["wiznet"] + [getattr(given, "made", getattr(given, "name", None))
                                   for given in arguments])
        return one
    def active(self, on=None):
        if on is None:
            return Chip.up
        if on and not Chip.up:  # line 842
            calls.append("reset")
            Chip.leased = False
        if not on:
            calls.append("off")
        Chip.up = on
    def status(self):
        return (2 if Chip.up else 1) if Chip.plugged else 0  # line 964
    def isconnected(self):
        return Chip.up and Chip.plugged and Chip.leased
    def ifconfig(self, given=None):
        if given:
            address, mask, gateway, dns = given  # network_lwip.c, network_common.c 114
            return calls.append("address %s %s %s %s" % given)
        return ("10.1.2.3", "255.255.255.0", "10.1.2.1", "10.1.2.1")

one = object.__new__(WIZNET5K)
"""
)
