"""Uploads packages to a channel on anaconda.org, under a label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchdb.errors import UnusableChannel
from benchdb.release.conda.channels import without_secrets
from benchdb.release.libraries import need_libraries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: The variable that anaconda-client takes its token from, too.
TOKEN: Final = "ANACONDA_API_TOKEN"  # noqa: S105 - the name of a variable


def upload(
    file: Path, owner: str, label: str, environ: Mapping[str, str], url: str | None = None
) -> None:
    """Upload a package; it must be new there.

    Parameters
    ----------
    owner
        The account or organization whose channel it is.
    label
        As ``dev``: who wants that installs from ``OWNER/label/dev``. ``main`` is for everybody.
    environ
        Has the token.
    url
        Of a server of one's own; by default that of anaconda.org.

    Raises
    ------
    UnusableChannel
        If there is no token, or the server refuses, or doesn't answer.
    """
    need_libraries()
    import rattler_build

    token = environ.get(TOKEN, "").strip()
    if not token:
        raise UnusableChannel(
            f"{file.name} was built and not uploaded: {TOKEN} is not set; make a token for "
            f"{owner} on anaconda.org that may write there, and keep it in that variable"
        )
    try:
        rattler_build.upload_package_to_anaconda(
            [str(file)], owner, channel=[label], api_key=token, url=url
        )
    except Exception as error:
        said = without_secrets(" ".join(str(error).replace(token, "***").split()))
        raise UnusableChannel(
            f"{file.name} was built and not uploaded to {owner} ({said}): may the token of {TOKEN} "
            "write there, and is this version new? `--upload` again when it is mended"
        ) from None
