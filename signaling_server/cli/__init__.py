"""The command line, and the clients behind its commands `status` and `probe`."""
