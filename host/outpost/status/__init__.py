"""`outpost status`: how boards are, asked over FTP."""
