"""The Socket.IO transport: from packets to the relay's events, from its commands to packets.

The way of a packet: engine/ (the library) -> gate (is it allowed now?) -> handlers (which event is
it?) -> switchboard (the relay, and back) -> connection, outbox -> engine/. In front of it:
endpoint (HTTP) and admission (who may connect). Beside it: closing. server.py puts them together.
"""
