"""Tags of a cluster: by which CI run and commit it was started, for whoever looks at the bill."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: By the variable that says which CI it is, the variables that say what it works on.
_SYSTEMS: Final = {
    "GITHUB_ACTIONS": (
        *("GITHUB_REPOSITORY", "GITHUB_WORKFLOW", "GITHUB_JOB", "GITHUB_REF", "GITHUB_SHA"),
        *("GITHUB_RUN_ID", "GITHUB_RUN_NUMBER", "GITHUB_RUN_ATTEMPT"),
    ),
    "GITLAB_CI": (
        *("CI_PROJECT_PATH", "CI_JOB_NAME", "CI_COMMIT_REF_NAME", "CI_COMMIT_SHA"),
        *("CI_PIPELINE_ID", "CI_JOB_ID"),
    ),
    "JENKINS_URL": ("JOB_NAME", "BUILD_NUMBER", "BRANCH_NAME", "GIT_COMMIT"),
    "TF_BUILD": (
        *("BUILD_REPOSITORY_NAME", "BUILD_DEFINITIONNAME", "BUILD_SOURCEBRANCH"),
        *("BUILD_SOURCEVERSION", "BUILD_BUILDID", "SYSTEM_JOBATTEMPT"),
    ),
    "BUILDKITE": (
        *("BUILDKITE_PIPELINE_SLUG", "BUILDKITE_BRANCH", "BUILDKITE_COMMIT"),
        *("BUILDKITE_BUILD_NUMBER", "BUILDKITE_JOB_ID"),
    ),
}

#: What AWS takes in a tag; others take no more.
_REFUSED: Final = re.compile(r"[^\w\s+\-=.:/@]")
_LONGEST_KEY: Final = 128
_LONGEST_VALUE: Final = 256


def ci_tags(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the CI's variables say of its run, by their names; nothing outside of CI.

    Parameters
    ----------
    environ
        The variables, as in ``os.environ``.
    """
    for marker, names in _SYSTEMS.items():
        if environ.get(marker):
            return fit_tags({name: environ.get(name) for name in names})
    return {}


def fit_tags(tags: Mapping[str, object]) -> dict[str, str]:
    """Return tags as clouds take them: no empty ones, and no characters that they refuse."""
    return {
        _REFUSED.sub("_", key)[:_LONGEST_KEY]: _REFUSED.sub("_", str(value))[:_LONGEST_VALUE]
        for key, value in tags.items()
        if value is not None and value != ""
    }
