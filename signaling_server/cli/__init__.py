"""The command line, and the clients that it is."""
