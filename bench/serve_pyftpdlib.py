"""pyftpdlib as a peer: PORT FOLDER USER PASSWORD [PEM]; with PEM it offers TLS, too."""

import logging
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

port, folder, user, password, *pem = sys.argv[1:]
logging.basicConfig(level=logging.ERROR)
authorizer = DummyAuthorizer()
authorizer.add_user(user, password, folder, perm="elradfmwMT")
handler = FTPHandler
if pem:
    from pyftpdlib.handlers import TLS_FTPHandler

    handler = TLS_FTPHandler
    handler.certfile = pem[0]
handler.authorizer = authorizer
FTPServer(("127.0.0.1", int(port)), handler).serve_forever()
