"""Rooms over several hosts: what hosts say to each other, the links between them, who owns what."""
