"""Clusters that tests run on: here, by address, on Coiled. The only home of Coiled's client."""
