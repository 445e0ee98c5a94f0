"""What an FTP server is, without a server: files and folders as dicts, and the right answers."""

import hashlib
import posixpath
import re

# RFC 959 section 5.4, with what came after it: RFC 2228, 2389, 2428, 3659, 4217 and HASH's
# draft; 550 wherever a name is given, 425 where a port is asked for. 500, 501, 502, 421 and
# 530 may answer anything; 451 too: a board can be out of memory.
ANYTHING = "421 451 500 501 502 530"
STORED = "226 250 425 426 450 452 522 550 551 552 553"
SENT = "226 250 425 426 450 522 550 551"
LEGAL = {
    "USER": "230 331 332",
    "PASS": "202 230 332 503",
    "ACCT": "202 230 503",
    "REIN": "120 220",
    "QUIT": "221",
    "CWD": "250 550",
    "XCWD": "250 550",
    "CDUP": "200 250 550",
    "XCUP": "200 250 550",
    "PORT": "200 425",
    "EPRT": "200 425 522",
    "PASV": "227 425",
    "EPSV": "200 229 425 522",
    "TYPE": "200 504",
    "STRU": "200 504",
    "MODE": "200 504",
    "REST": "350 554",
    "RETR": "125 150 " + SENT,
    "STOR": "125 150 " + STORED,
    "STOU": "125 150 " + STORED,
    "APPE": "125 150 " + STORED,
    "LIST": "125 150 " + SENT,
    "NLST": "125 150 " + SENT,
    "MLSD": "125 150 " + SENT,
    "ALLO": "200 504 552",
    "RNFR": "350 450 550",
    "RNTO": "250 450 503 550 552 553",
    "DELE": "250 450 550",
    "RMD": "250 450 550",
    "XRMD": "250 450 550",
    "MKD": "257 450 550 552 553",
    "XMKD": "257 450 550 552 553",
    "PWD": "257 550",
    "XPWD": "257 550",
    "ABOR": "225 226",
    "SYST": "215",
    "STAT": "211 212 213 450 550",
    "HELP": "211 214 504",
    "SITE": "200 202 211 214 504 550",
    "NOOP": "200",
    "FEAT": "211",
    "OPTS": "200 451",
    "SIZE": "213 426 550",
    "MDTM": "213 550",
    "MFMT": "213 450 504 550",
    "MLST": "250 550",
    "AVBL": "213 550",
    "CLNT": "200",
    "AUTH": "234 334 431 503 504 534",
    "PBSZ": "200 503",
    "PROT": "200 431 503 504 534 536",
    "CCC": "200 533 534",
    "HASH": "213 426 450 504 550 551 552 553 556",
    "RANG": "350 504 551 554",
}
UPLOADS = ("STOR", "APPE", "STOU")
LISTINGS = ("LIST", "NLST", "MLSD")
TRANSFERS = ("RETR", *UPLOADS, *LISTINGS, "HASH", "SIZE")  # tasks beside their session
RESUMES = ("REST", "PASV", "EPSV", "PORT", "EPRT", "TYPE", "PROT")  # REST holds beyond them
BLANKS = " \t\n\v\f\r"  # which mean nothing around an argument that is no path
LONGEST_NAME = 255  # bytes, of LittleFS
OURS = "/.upload-"  # such names are the server's own
PATH_VERBS = ("RETR", "STOR", "APPE", "CWD", "XCWD", "MKD", "XMKD", "RMD", "XRMD", "DELE", "RNFR")


def is_legal(verb, code):
    """True where the standards let the verb be answered so; of new verbs any final reply is."""
    if verb not in LEGAL:
        return 200 <= code < 560
    return str(code) in f"{LEGAL[verb]} {ANYTHING}".split()


def meant(cwd, argument):
    """What the argument means in cwd, as POSIX has it."""
    return "/" + posixpath.normpath(posixpath.join(cwd, argument)).lstrip("/")


def without_telnet(line):
    """A line without Telnet commands: RFC 854, read by regular expression."""
    line = re.sub(rb"\xff(?:[\xfb-\xfe][\x00-\xff]?|[\x00-\xff]|$)", b"", line, flags=re.DOTALL)
    return line.lstrip(b"\xf2")


def quoted(path):
    """RFC 959 appendix II: a quote in a name is doubled."""
    doubled = path.replace('"', '""')
    return f' "{doubled}" '


def parent(path):
    return posixpath.dirname(path)


class Model:
    """The files of one user and the state of that user's one session."""

    def __init__(self):
        self.files = {}
        self.folders = {"/"}
        self.log_out()
        self.logged_in = True
        self.user = True

    def log_out(self):
        self.logged_in = False
        self.user = None  # True: the user of the model; False: another name
        self.cwd = "/"
        self.text = True
        self.rest = 0
        self.too_large = False  # ALLO has announced more than there is room for
        self.rename_from = None
        self.epsv_only = False
        self.ready = None  # how the next data connection will be made
        self.algorithm = "SHA-256"
        self.range = None  # the first byte and the last of the next RETR or HASH

    def exists(self, path):
        return path in self.files or path in self.folders

    def is_empty(self, folder):
        return not any(parent(path) == folder for path in [*self.files, *self.folders - {"/"}])

    def takes(self, path):
        """True where something can be made by that path."""
        return parent(path) in self.folders

    def can_hold(self, path):
        """True where an upload by that path ends well."""
        return self.takes(path) and len(path.rpartition("/")[2].encode()) <= LONGEST_NAME

    def shown(self, path):
        """What RETR sends of a file."""
        content = self.files[path]
        if self.range:
            return content[self.range[0] : self.range[1] + 1]
        return re.sub(rb"(?<!\r)\n", b"\r\n", content) if self.text else content[self.rest :]

    def kept(self, sent):
        """What is kept of what an upload sends."""
        return sent.replace(b"\r\n", b"\n") if self.text else sent

    def expected(self, verb, argument):
        """The codes that are right, or None where many are."""
        answer = getattr(self, "_" + verb.removeprefix("X").lower(), None)
        if not self.logged_in or answer is None:
            return None
        path = meant(self.cwd, argument)
        if any(len(part.encode()) > LONGEST_NAME for part in path.split("/")):
            return None
        if OURS in path:
            return (550,) if verb in PATH_VERBS and argument else None
        if self.range and verb in ("RETR", "STOR", "APPE"):
            return None
        codes = answer(path, argument)
        if codes is None:
            return None
        codes = codes if isinstance(codes, tuple) else (codes,)
        return (*codes, 552) if self.too_large and verb in UPLOADS else codes

    def _cwd(self, path, argument):
        if argument:
            return 250 if path in self.folders else 550
        return 501

    def _cup(self, path, argument):
        return 250 if meant(self.cwd, "..") in self.folders else 550

    _cdup = _cup

    def _pwd(self, path, argument):
        return 257

    def _mkd(self, path, argument):
        if not argument:
            return 501
        return 550 if self.exists(path) or not self.takes(path) else 257

    def _rmd(self, path, argument):
        if not argument:
            return 501
        return 250 if path in self.folders - {"/"} and self.is_empty(path) else 550

    def _dele(self, path, argument):
        if not argument:
            return 501
        return 250 if path in self.files else 550

    def _rnfr(self, path, argument):
        if not argument:
            return 501
        return 350 if self.exists(path) and path != "/" else 550

    def _rnto(self, path, argument):
        if not argument:
            return 501
        old = self.rename_from
        if path == "/":
            return (503, 550)
        if old is None:
            return 503
        if path == old:
            return (250, 550)
        if path.startswith(old + "/"):
            return (550, 553)
        if not self.exists(old) or not self.takes(path):
            return (550, 553)
        if path in self.folders or (path in self.files and old in self.folders):
            return (550, 553)
        return 250

    def _size(self, path, argument):
        return 213 if path in self.files else 550

    def _mlst(self, path, argument):
        return 250 if self.exists(path) else 550

    def _noop(self, path, argument):
        return 200

    def _rest(self, path, argument):
        return 350 if re.fullmatch("[0-9]+", argument.strip(BLANKS)) else 501

    def _retr(self, path, argument):
        if not argument:
            return 501
        if path not in self.files:
            return 550
        if self.text and self.rest:
            return 550
        if self.rest > len(self.files[path]):
            return 551
        return 150 if self.ready else 425

    def _stor(self, path, argument):
        if not argument:
            return 501
        if path in self.folders:
            return 550
        if self.text and self.rest:
            return 550
        if self.rest > len(self.files.get(path, b"")):
            behind_a_file = any(path.startswith(file + "/") for file in self.files)
            return 550 if behind_a_file else 551
        if not self.takes(path) and not self.ready:
            return (425, 550)
        if not self.takes(path):
            return (150, 550)
        return 150 if self.ready else 425

    def _appe(self, path, argument):
        if not argument:
            return 501
        if path in self.folders:
            return 550
        if not self.takes(path):
            return (150, 425, 550)
        return 150 if self.ready else 425

    def _mlsd(self, path, argument):
        if path in self.files:
            return (501, 550)
        if path not in self.folders:
            return 550
        return 150 if self.ready else 425

    def apply(self, verb, argument, reply):
        """Take in what a reply that is no transfer's says; AssertionError where it is untrue."""
        code = reply.code
        path = meant(self.cwd, argument)
        if verb in ("USER", "REIN") and code in (220, 331):
            self.log_out()
            self.user = None if verb == "REIN" else argument.strip(BLANKS) == "fuzz"
        elif verb == "PASS" and code == 230:
            assert self.logged_in or self.user
            self.logged_in = True
        elif not self.logged_in:
            assert code >= 400 or verb in BEFORE_LOGIN or verb not in LEGAL, reply
        elif code >= 400:
            if verb == "REST" and argument:
                self.rest = 0
            if verb in ("RNFR", "RNTO") and argument:
                self.rename_from = None
            if (code == 551 and "RANG" in str(reply)) or (verb == "RANG" and argument):
                self.range = None
        elif verb in ("CWD", "XCWD"):
            self.cwd = path
        elif verb in ("CDUP", "XCUP"):
            self.cwd = parent(self.cwd)
        elif verb in ("PWD", "XPWD"):
            assert quoted(self.cwd) in reply.lines[0], reply
        elif verb in ("MKD", "XMKD"):
            assert not self.exists(path)
            assert self.takes(path)
            assert quoted(path) in reply.lines[0], reply
            self.folders.add(path)
        elif verb in ("RMD", "XRMD"):
            assert self.is_empty(path)
            self.folders.remove(path)
        elif verb == "DELE":
            del self.files[path]
        elif verb == "RNFR":
            self.rename_from = path
        elif verb == "RNTO":
            self._rename(path)
        elif verb == "TYPE":
            self.text = argument.strip(BLANKS).upper().startswith("A")
        elif verb == "REST":
            self.rest = int(argument)
        elif verb == "EPSV" and code == 200:
            self.epsv_only = True
        elif verb == "SIZE":
            kept = self.rest, self.range
            self.rest, self.range = 0, None
            assert int(reply.lines[0][4:]) == len(self.shown(path)), reply
            self.rest, self.range = kept
        elif verb == "MLST" and path in self.files:
            size = re.search(r"(?i:size)=(\d+);", reply.lines[1])
            assert size is None or int(size[1]) == len(self.files[path]), reply
        elif verb == "OPTS" and argument.upper().split()[0] == "HASH":
            self.algorithm = reply.lines[0].split()[1]
        elif verb == "RANG":
            first, last = map(int, argument.split())
            self.range = None if (first, last) == (1, 0) else (first, last)
        elif verb == "HASH":
            self._check_hash(path, reply)

    def _rename(self, new):
        old, self.rename_from = self.rename_from, None
        if old == new:
            return
        assert self.exists(old)
        assert self.takes(new)
        assert new not in self.folders
        assert not new.startswith(old + "/")
        if old in self.files:
            self.files[new] = self.files.pop(old)
            return
        assert new not in self.files
        inside = old + "/"
        for path in [path for path in self.files if path.startswith(inside)]:
            self.files[new + path[len(old) :]] = self.files.pop(path)
        moved = {path for path in self.folders if path == old or path.startswith(inside)}
        self.folders -= moved
        self.folders |= {new + path[len(old) :] for path in moved}

    def _check_hash(self, path, reply):
        content = self.files[path]
        if self.range:
            content = content[self.range[0] : self.range[1] + 1]
            self.range = None
        digest = hashlib.new(self.algorithm.replace("-", "").lower(), content)
        assert digest.hexdigest() in reply.lines[0].lower(), reply


# What may succeed before a login, of the verbs that LEGAL knows.
BEFORE_LOGIN = (
    *("USER", "PASS", "REIN", "QUIT", "SYST", "FEAT", "OPTS", "CLNT", "NOOP", "HELP", "ABOR"),
    *("AUTH", "PBSZ", "PROT", "CCC", "ACCT"),
)
