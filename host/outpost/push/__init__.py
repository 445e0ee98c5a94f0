"""`outpost push`: a new version onto boards over FTP, watched until it is confirmed."""
