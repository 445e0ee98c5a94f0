"""The FTP server: RFC 959, and later extensions that clients need; see server.py."""
