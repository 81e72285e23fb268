"""What is said about the server: metrics, the status report, the line for systemd."""
