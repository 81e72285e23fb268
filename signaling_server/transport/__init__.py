"""The Socket.IO transport: turns what arrives into events and carries out the relay's commands.

The only folder that imports socketio and engineio.
"""
