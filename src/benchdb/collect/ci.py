"""Which CI run this is, and on which branch: GitHub, GitLab, Jenkins, Azure, Buildkite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchdb.collect.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Environ = Mapping[str, str]

#: A pull request from a branch of these names (a fork's, or a merge back) is not that branch.
_TRUNKS: Final = ("main", "master")


def ci_run_url(environ: Environ) -> str | None:
    """Return the page of the CI run that this process is part of, None outside of CI.

    It names the attempt (or the job, where a retried job is a new one), so that a rerun doesn't
    hide the run that was recorded.
    """
    for marker, url, _ in _SYSTEMS:
        if environ.get(marker):
            found = url(environ)
            return redact(found, environ) if found else None
    return None


def ci_branch(environ: Environ) -> str | None:
    """Return the branch that the CI is working on; None for a tag, and outside of CI.

    Of a pull request it is the head branch. Where that is named like its base or like a trunk (a
    fork's ``main``), it reads ``pull/NUMBER:main``, so that nobody takes it for the trunk.
    """
    for marker, _, branch in _SYSTEMS:
        if environ.get(marker):
            return branch(environ) or None
    return None


def _pull_request(head: str, base: str | None, number: str | None) -> str:
    if head in _TRUNKS or head == base:
        return f"pull/{number or 'request'}:{head}"
    return head


def _branch_of(ref: str) -> str | None:
    return ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else None


def _github_url(environ: Environ) -> str | None:
    repository, run = environ.get("GITHUB_REPOSITORY"), environ.get("GITHUB_RUN_ID")
    if not repository or not run:
        return None
    server = environ.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
    attempt = environ.get("GITHUB_RUN_ATTEMPT")
    url = f"{server}/{repository}/actions/runs/{run}"
    return f"{url}/attempts/{attempt}" if attempt else url


def _github_branch(environ: Environ) -> str | None:
    ref = environ.get("GITHUB_REF", "")
    if head := environ.get("GITHUB_HEAD_REF"):
        number = ref.split("/")[2] if ref.startswith("refs/pull/") else None
        return _pull_request(head, environ.get("GITHUB_BASE_REF"), number)
    return _branch_of(ref)


def _gitlab_url(environ: Environ) -> str | None:
    return environ.get("CI_JOB_URL") or environ.get("CI_PIPELINE_URL")


def _gitlab_branch(environ: Environ) -> str | None:
    for kind in ("CI_MERGE_REQUEST", "CI_EXTERNAL_PULL_REQUEST"):
        if head := environ.get(f"{kind}_SOURCE_BRANCH_NAME"):
            base = environ.get(f"{kind}_TARGET_BRANCH_NAME")
            return _pull_request(head, base, environ.get(f"{kind}_IID"))
    return environ.get("CI_COMMIT_BRANCH")


def _jenkins_url(environ: Environ) -> str | None:
    return environ.get("BUILD_URL")


def _jenkins_branch(environ: Environ) -> str | None:
    if head := environ.get("CHANGE_BRANCH"):
        return _pull_request(head, environ.get("CHANGE_TARGET"), environ.get("CHANGE_ID"))
    if environ.get("TAG_NAME"):
        return None
    if branch := environ.get("BRANCH_NAME") or environ.get("GIT_LOCAL_BRANCH"):
        return branch
    # Outside of a multibranch pipeline the git plugin tells the remote's branch: origin/main.
    branch = environ.get("GIT_BRANCH", "").removeprefix("refs/remotes/").removeprefix("origin/")
    if branch == "detached" or branch.startswith(("refs/tags/", "tags/")):
        return None
    return branch.removeprefix("refs/heads/")


def _azure_url(environ: Environ) -> str | None:
    from urllib.parse import quote

    older = environ.get("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI")
    server = environ.get("SYSTEM_COLLECTIONURI") or older
    project, build = environ.get("SYSTEM_TEAMPROJECT"), environ.get("BUILD_BUILDID")
    if not server or not project or not build:
        return None
    return f"{server.rstrip('/')}/{quote(project)}/_build/results?buildId={build}"


def _azure_branch(environ: Environ) -> str | None:
    if head := environ.get("SYSTEM_PULLREQUEST_SOURCEBRANCH"):
        base = environ.get("SYSTEM_PULLREQUEST_TARGETBRANCH", "")
        number = environ.get("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER")
        return _pull_request(
            head.removeprefix("refs/heads/"),
            base.removeprefix("refs/heads/"),
            number or environ.get("SYSTEM_PULLREQUEST_PULLREQUESTID"),
        )
    return _branch_of(environ.get("BUILD_SOURCEBRANCH", ""))


def _buildkite_url(environ: Environ) -> str | None:
    url, job = environ.get("BUILDKITE_BUILD_URL"), environ.get("BUILDKITE_JOB_ID")
    return f"{url}#{job}" if url and job else url


def _buildkite_branch(environ: Environ) -> str | None:
    if environ.get("BUILDKITE_TAG"):
        return None
    branch = environ.get("BUILDKITE_BRANCH", "")
    number = environ.get("BUILDKITE_PULL_REQUEST", "false")
    if number not in ("", "false"):
        return _pull_request(branch, environ.get("BUILDKITE_PULL_REQUEST_BASE_BRANCH"), number)
    return branch


#: The variable that each system sets, the URL of a run and the branch. Jenkins stands last: its
#: agents are started from inside other systems' jobs, not the other way round.
_SYSTEMS: Final[
    tuple[
        tuple[str, Callable[[Environ], str | None], Callable[[Environ], str | None]],
        ...,
    ]
] = (
    ("GITHUB_ACTIONS", _github_url, _github_branch),
    ("GITLAB_CI", _gitlab_url, _gitlab_branch),
    ("TF_BUILD", _azure_url, _azure_branch),
    ("BUILDKITE", _buildkite_url, _buildkite_branch),
    ("JENKINS_URL", _jenkins_url, _jenkins_branch),
)
