"""The seam: everything that names engineio or socketio, or a private part of a library.

internals.py lists those private parts. The rest of transport/ sees two things of this folder:
SocketIOServer, the configured library, and ClientSocket, one client's connection.
"""

from signaling_server.transport.engine import without_brokers

without_brokers.load("socketio")
