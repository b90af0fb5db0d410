"""A client of S3 by AWS's settings, whatever way they are given."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.configprovider import ConstantProvider

from benchdb.errors import BenchdbError, WrongSetting
from benchdb.sync.s3.failures import Place

if TYPE_CHECKING:
    from benchdb.sync.patience import Patience

#: Seconds. It is asked twice where nobody answers.
_METADATA_TIMEOUT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Connection:
    """A client, and what users are told of where it goes."""

    client: Any
    place: Place


def connect(
    place: Place, *, endpoint_url: str | None, profile: str | None, patience: Patience
) -> Connection:
    """Return a client.

    Parameters
    ----------
    place
        What is known of where it goes.
    endpoint_url, profile
        None for what AWS's settings say.
    patience
        Of which only the time-outs are used: attempts are counted where a lost answer can be told
        from a request that failed.

    Raises
    ------
    UserError
        If AWS's settings can't be used.
    """
    try:
        session = botocore.session.Session(profile=profile)
        _shorten_metadata_timeout(session)
        is_anonymous = session.get_credentials() is None
        config = Config(
            connect_timeout=patience.connect,
            read_timeout=patience.read,
            retries={"total_max_attempts": 1},
            max_pool_connections=32,
            tcp_keepalive=True,
            user_agent_appid="benchdb",
            # Other servers know no checksums in trailers. A body has its SHA-256 in the signature.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            # A bucket that everybody may read needs no account.
            signature_version=UNSIGNED if is_anonymous else None,
        )
        client = session.create_client("s3", endpoint_url=endpoint_url, config=config)
    except BenchdbError:
        raise
    except ValueError as error:
        if "endpoint" not in str(error):
            raise place.setting(error) from error
        raise WrongSetting(
            "the endpoint URL makes no sense: give one like https://host:port"
        ) from error
    except Exception as error:
        raise place.setting(error) from error
    client.meta.events.register("before-call.s3.DeleteObjects", _add_md5)
    parts = urlsplit(client.meta.endpoint_url)
    host = parts.netloc.rpartition("@")[2]
    return Connection(client, Place(place.url, place.bucket, place.prefix, host, is_anonymous))


def _shorten_metadata_timeout(session: botocore.session.Session) -> None:
    name = "metadata_service_timeout"
    if (
        session.get_config_variable(name) == 1
    ):  # botocore's own; set by a user, it has whole seconds
        provider = ConstantProvider(_METADATA_TIMEOUT)
        session.get_component("config_store").set_config_provider(name, provider)


def _add_md5(params: dict[str, Any], **_: Any) -> None:
    # AWS wants any checksum here, and other servers this one.
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()
