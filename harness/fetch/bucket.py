"""The public bucket: what lies in it, and its bytes. No credentials are read or sent.

boto3 is an extra: it is imported when a bucket is opened, and its absence is one line with the remedy.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.core.errors import UserError

ENDPOINT = "https://s3.echo.stfc.ac.uk"
BUCKET = "sciml-datasets"
PREFIX = "es/cloud_slstr_ds1"
INSTALL = f"in a checkout: make setup EXTRA=fetch; elsewhere: {sys.executable} -m pip install boto3"
PIECE_BYTES = 1 << 20
NO_PROFILE = {"profile": (None, None, None, None)}  # AWS_PROFILE and its credentials are of no concern here
CONNECT_S, READ_S = 10, 60
LIST_ATTEMPTS = 3  # somebody is waiting for the answer
GET_ATTEMPTS = 5  # with growing pauses; transfer.py then pauses longer and asks again


@dataclass(frozen=True)
class Source:
    """Where the scenes are: the URL of an S3 service, a bucket, and the folder in it."""

    endpoint: str = ENDPOINT
    bucket: str = BUCKET
    prefix: str = PREFIX

    def __str__(self) -> str:
        return f"{self.endpoint.rstrip('/')}/{self.bucket}/{self.prefix.strip('/')}"


@dataclass(frozen=True)
class RemoteObject:
    """One object of a bucket, as its listing states it; the ETag is without quotes."""

    key: str
    size_bytes: int
    etag: str


class RemoteError(Exception):
    """The service did not give what was asked for, in one line. `lasting`: asking again is useless."""

    def __init__(self, message: str, lasting: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting


class NotContinued(RemoteError):
    """The service does not send an object from the middle on."""


class Bucket:
    """An open bucket; its methods may be called from several threads."""

    def __init__(self, source: Source, connections: int = 8) -> None:
        """Raises UserError without boto3, or when the endpoint is not a URL."""
        try:
            import boto3
            from botocore import UNSIGNED
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError, ClientError
            from botocore.session import Session as BotocoreSession
        except ImportError as error:
            raise UserError(f"Fetching needs boto3, which is not installed ({error}).", INSTALL) from None
        self.source = source
        self._refused, self._failed = ClientError, BotoCoreError
        common = Config(
            signature_version=UNSIGNED,
            s3={"addressing_style": "path"},
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            max_pool_connections=connections,
            request_checksum_calculation="when_required",  # other services than AWS do not know the others
            response_checksum_validation="when_required",
        )
        try:
            session = boto3.Session(
                region_name="us-east-1", botocore_session=BotocoreSession(session_vars=NO_PROFILE)
            )
            self._lists, self._gets = (
                session.client(
                    "s3",
                    endpoint_url=source.endpoint,
                    config=common.merge(Config(retries={"mode": "standard", "total_max_attempts": attempts})),
                )
                for attempts in (LIST_ATTEMPTS, GET_ATTEMPTS)
            )
        except (ValueError, BotoCoreError) as error:
            raise UserError(f"{_line(error)}.", "pass the URL of an S3 service: --endpoint.") from None

    def objects(self) -> Iterator[RemoteObject]:
        """Everything below the prefix. Raises RemoteError."""
        prefix = self.source.prefix.strip("/")
        pages = self._lists.get_paginator("list_objects_v2").paginate(
            Bucket=self.source.bucket, Prefix=f"{prefix}/" if prefix else ""
        )
        try:
            for page in pages:
                for entry in page.get("Contents", []):
                    yield RemoteObject(entry["Key"], int(entry["Size"]), entry.get("ETag", "").strip('"'))
        except (self._refused, self._failed) as error:
            raise self._explained(error) from None

    def pieces(self, wanted: RemoteObject, offset: int) -> Iterator[bytes]:
        """The bytes of an object from `offset` on, as they arrive. Raises RemoteError.

        What arrives may be shorter than the object. Nothing is given where the object has changed since it
        was listed. Raises NotContinued where the service ignores `offset`.
        """
        only = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            answer = self._gets.get_object(Bucket=self.source.bucket, Key=wanted.key, **only)
            body = answer["Body"]
            try:
                if answer.get("ETag", "").strip('"') not in ("", wanted.etag):
                    raise RemoteError("its ETag is not the listed one: it changed meanwhile", lasting=True)
                if offset and not answer.get("ContentRange", "").startswith(f"bytes {offset}-"):
                    raise NotContinued("the service sends whole files only")
                while piece := body.read(PIECE_BYTES):
                    yield piece
            finally:
                body.close()
        except (self._refused, self._failed) as error:
            raise self._explained(error) from None

    def _explained(self, error: Any) -> RemoteError:
        if not isinstance(error, self._refused):
            return RemoteError(_line(error))
        stated = error.response.get("Error", {})
        code = str(stated.get("Code", "unknown error"))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        lasting = 400 <= status < 500 and status not in (408, 429)
        return RemoteError(f"the service answers {code} {stated.get('Message', '')}".strip(), lasting)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")[:300]
