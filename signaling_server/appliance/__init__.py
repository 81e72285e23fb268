"""What makes the server an appliance: systemd, the listening socket, TLS, configuration files."""
