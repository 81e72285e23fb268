"""Log lines: how they are written, and what they say of the relay."""
