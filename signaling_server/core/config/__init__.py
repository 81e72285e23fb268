"""The configuration: what it may hold, and how it is read and written."""
