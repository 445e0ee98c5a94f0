"""What config.json may say of the network; unloaded when the services are built."""

OPTIONS = {"ssid": "str", "password": "str", "hostname": "str"}
