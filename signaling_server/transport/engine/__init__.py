"""The seam: all that names engineio or socketio, or a private part of a library."""
