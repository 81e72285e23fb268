"""The configuration: its schema, how it is read and written, and the settings in use."""
