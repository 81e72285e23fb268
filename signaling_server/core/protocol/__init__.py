"""The rules of the protocol."""
