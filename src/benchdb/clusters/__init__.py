"""Clusters that tests run on: Coiled's and their software. The only home of Coiled's client."""
