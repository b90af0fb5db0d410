"""The fields of JSON documents about releases, for the manual."""

from __future__ import annotations

from typing import Final

from benchdb.report import schemas

_SOLVE: Final = {
    "schema": "benchdb/release-solve/1",
    "wanted": "the runtime and its version, or the requirement",
    "solved": "whether all of it can be solved",
    "solutions": "one for each Python and platform",
    "solutions[].python": "the version that was asked for; empty for any",
    "solutions[].platform": "as conda calls it",
    "solutions[].packages": "what would be installed, by name; empty where it can't be solved",
    "solutions[].packages[].name": "of the package",
    "solutions[].packages[].version": "its version",
    "solutions[].packages[].build": "its build string",
    "solutions[].packages[].channel": "where it comes from",
    "solutions[].why": "why it can't be solved, a tree over some lines; empty where it can",
}

_CHECK: Final = {
    "schema": "benchdb/release-check/1",
    "prefix": "the folder of the environment",
    "runtime": "the name and version that the recipe makes",
    "passed": "whether nothing is a no",
    "pins": "one for each requirement of the recipe, in its order",
    "pins[].package": "conda's name",
    "pins[].versions": "as pinned; empty for any",
    "pins[].installed": "the version by conda's record, else by Python's; null for none",
    "pins[].newest": "the newest release in the channels; null where none was asked",
    "pins[].behind": "number of releases in the channels that are newer than what is pinned",
    "pins[].grade": "ok, note or no",
    "pins[].said": "what is wrong, or what to know",
    "findings": "what else was looked at: Python, imports, the cluster, the runtime itself",
    "findings[].grade": "ok, note or no",
    "findings[].what": "what it is about",
    "findings[].said": "what was found",
}

_VALIDATE: Final = {
    "schema": "benchdb/release-validate/1",
    "runtime": "the name and version that the recipe makes",
    "go": "whether nothing is a no",
    "against": "the runtime that it was compared with; null for none",
    "findings": "one for each thing that was looked at, in its order",
    "findings[].grade": "ok, note or no",
    "findings[].what": "the step",
    "findings[].said": "what was found",
    "comparison": "as of `benchdb compare --format json`; null where there is nothing to compare",
    "unsolved": "as `solutions` of `benchdb release solve`, those that can't be solved alone",
}

#: Path of a field to its meaning, by schema.
RELEASE_FIELDS: Final[dict[str, dict[str, str]]] = {
    schemas.RELEASE_SOLVE: _SOLVE,
    schemas.RELEASE_CHECK: _CHECK,
    schemas.RELEASE_VALIDATE: _VALIDATE,
}
