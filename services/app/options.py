"""What config.json may say of the user's application; unloaded when the services are built."""

OPTIONS = {"module": "str"}
