"""The simulated board: MicroPython's unix port with a flash, a clock and a reset of its own."""
