"""What conda can do, by rattler: the only home of that library.

Everything works on folders and ``file://`` channels without a network. No script of a package is
ever run.
"""
