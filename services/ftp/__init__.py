"""The FTP server: RFC 959 and what clients came to need since; see server.py."""
