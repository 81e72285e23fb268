"""make bench: what a signal, a client and a start cost, beside Node's socket.io and others."""
