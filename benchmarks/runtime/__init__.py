"""The stack itself: what it costs to start, and whether its parts fit together."""
