"""Dask workloads, recorded by benchdb."""
