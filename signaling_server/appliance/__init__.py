"""What makes the server an appliance: systemd, the port, TLS, configuration files."""
