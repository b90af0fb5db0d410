"""The pytest plugin: the only home of pytest."""
