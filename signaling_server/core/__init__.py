"""The protocol's rules. Pure: no I/O in here, and the clock is handed in."""
