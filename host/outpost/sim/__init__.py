"""The simulated board: MicroPython's unix port with its own flash, clock and reset."""
