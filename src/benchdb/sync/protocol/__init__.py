"""The pure part of the history: what was seen, and what to do next.

A flow (`push`, `pull`, `compact`) is a generator. It yields steps, is sent what came of each, and
returns what it did. It neither reads nor writes nor waits, so every interleaving of several flows,
and a crash at every step, can be tried in memory; `benchdb.sync.machine` carries the steps out.

What makes it safe, whoever does what at once:

- Segments and snapshots never change, and are named by what they contain.
- Only `manifest.json` is replaced, and only by who has seen what it replaces.
- A segment is deleted only when the manifest's snapshot lists it as folded, and anything else only
  when the manifest dooms it. So who deletes has first replaced the manifest, and who still holds an
  older one can't replace it any more without looking again.
- Who reads lists the segments first and reads the manifest afterwards: what was folded and deleted
  before the list is in the manifest.
"""
