"""The history: what many machines recorded, behind a URL."""
