"""`outpost watch`: boards, transfers and events as they happen, from an MQTT broker."""
