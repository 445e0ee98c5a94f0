"""The FTP server: RFC 959 and what clients came to need since."""

from services.ftp.server import FtpServer
