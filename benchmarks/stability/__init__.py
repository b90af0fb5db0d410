"""Workloads of which the first question is whether they end."""
