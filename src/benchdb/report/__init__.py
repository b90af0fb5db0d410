"""Results as terminal tables, Markdown and JSON."""
