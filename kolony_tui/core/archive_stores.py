"""Where archived output rests: a folder, or a bucket of an S3-compatible store. Objects go in whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, quote, unquote, urlsplit

from kolony_tui.models.errors import NotFound, UsageError, WorkFailed
from kolony_tui.models.secret import Secret
from kolony_tui.server.home import kolony_home
from kolony_tui.server.secrets import SecretStore

if TYPE_CHECKING:
    from obstore.store import S3Store

MARK = "kolony-archive.txt"
"""An object that says that a place is an archive: a folder without it may be a disk that is not mounted."""
_MARK_TEXT = b"Kolony keeps the output of runs here. Remove nothing by hand: kolony retention does.\n"
_PIECE = 1 << 20
_PATIENCE = "30s"


class Store(Protocol):
    """A place for objects. Each method raises WorkFailed where the place does not do it."""

    def mark(self) -> None:
        """Makes it an archive, if it is none yet."""

    def check(self) -> None:
        """Makes sure that it is one."""

    def put(self, name: str, file: Path) -> None:
        """Keeps the content of ``file`` under that name, for good when it returns."""

    def read(self, name: str) -> Iterator[bytes]:
        """The content in pieces. Raises NotFound."""

    def remove(self, name: str) -> None:
        """Removes it; nothing happens where there is none."""


def location_written(text: str) -> str:
    """The location that a person means: a folder, or s3://bucket/prefix?endpoint=https://...&region=... as it is.

    Raises UsageError.

    >>> location_written("/srv/kolony archive")
    'file:///srv/kolony%20archive'
    """
    if text.startswith("s3://"):
        _s3_words(text)
        return text
    if text.startswith("file:///"):
        return text
    if "://" in text or not text.strip():
        raise UsageError(f"{text!r} is no place for an archive", "name a folder, or s3://bucket/prefix")
    return "file://" + quote(os.path.realpath(os.path.expanduser(text)))


def open_store(location: str) -> Store:
    """The store at a location. Raises WorkFailed (no credentials), UsageError."""
    if location.startswith("file:///"):
        return FolderStore(Path(unquote(urlsplit(location).path)))
    return S3(location)


class FolderStore:
    """A folder of this machine, or one that is mounted here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def mark(self) -> None:
        """Makes the folder, and an archive of it."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            mark = self._folder / MARK
            if not mark.exists():
                self._write(mark, lambda out: out.write(_MARK_TEXT))
        except OSError as error:
            raise self._failed("written", error) from error

    def check(self) -> None:
        """Its mark is there."""
        if not (self._folder / MARK).is_file():
            raise WorkFailed(
                f"{self._folder} is no archive on this machine",
                "mount it, or do this on the machine that has it; kolony retention archive says where it is",
            )

    def put(self, name: str, file: Path) -> None:
        """Copies it, to the disk."""
        self.check()
        target = self._path(name)
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with file.open("rb") as source:
                self._write(target, lambda out: shutil.copyfileobj(source, out, _PIECE))
            for folder in target.parents:
                self._sync(folder)
                if folder == self._folder:
                    break
        except OSError as error:
            raise self._failed("written", error) from error

    def read(self, name: str) -> Iterator[bytes]:
        """Its bytes."""
        self.check()
        try:
            with self._path(name).open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
        except FileNotFoundError as error:
            raise NotFound(f"the object {name} is not in {self._folder}", "was it removed by hand?") from error
        except OSError as error:
            raise self._failed("read", error) from error

    def remove(self, name: str) -> None:
        """Unlinks it."""
        self.check()
        target = self._path(name)
        try:
            target.unlink(missing_ok=True)
            for folder in list(target.relative_to(self._folder).parents)[:-1]:
                (self._folder / folder).rmdir()
        except OSError as error:
            if target.exists():
                raise self._failed("written", error) from error

    def _path(self, name: str) -> Path:
        path = self._folder / name
        if ".." in Path(name).parts or not path.is_relative_to(self._folder):
            raise WorkFailed(f"{name} is no name of an object")
        return path

    def _write(self, target: Path, fill: Any) -> None:
        unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                fill(out)
                out.flush()
                os.fsync(out.fileno())
            unfinished.replace(target)
            self._sync(target.parent)
        finally:
            unfinished.unlink(missing_ok=True)

    def _sync(self, folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _failed(self, done: str, error: OSError) -> WorkFailed:
        return WorkFailed(f"the archive {self._folder} cannot be {done}: {error.strerror or error}")


def s3_secret_name(location: str) -> str:
    """Under which name the credentials of a bucket rest where secrets do.

    >>> s3_secret_name("s3://logs/kolony?endpoint=https://minio.example:9000")
    'archive:https://minio.example:9000/logs'
    """
    bucket, _, words = _s3_words(location)
    return f"archive:{words.get('endpoint', 'aws')}/{bucket}"


def keep_credentials(location: str, access_key: str, secret_key: Secret) -> str:
    """Keeps the credentials of a bucket in the keyring; answers where they rest. Raises WorkFailed."""
    store = SecretStore(kolony_home())
    store.set(s3_secret_name(location), Secret(f"{access_key}\n{secret_key.reveal()}"))
    return store.where


def _s3_words(location: str) -> tuple[str, str, dict[str, str]]:
    """Bucket, prefix and the words behind "?". Raises UsageError."""
    parts = urlsplit(location)
    words = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    odd = set(words) - {"endpoint", "region", "hosted"}
    if not parts.netloc or "@" in parts.netloc or odd or not words.get("endpoint", "https://x").startswith("http"):
        raise UsageError(
            f"{location!r} is no place for an archive", "write s3://bucket/prefix?endpoint=https://host&region=name"
        )
    return parts.netloc, parts.path.strip("/"), words


def _s3_credentials(location: str) -> tuple[str, str, str | None]:
    given = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if given[0] and given[1]:
        return given[0], given[1], os.environ.get("AWS_SESSION_TOKEN")
    kept = SecretStore(kolony_home()).get(s3_secret_name(location))
    if kept is None or "\n" not in kept.reveal():
        raise WorkFailed(
            f"no credentials are known for {location}",
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or kolony retention archive ... --access-key ID",
        )
    access_key, _, secret_key = kept.reveal().partition("\n")
    return access_key, secret_key, None


class S3:
    """A bucket, below a prefix. ``hosted=1`` in the location: the bucket is part of the host's name."""

    def __init__(self, location: str) -> None:
        # Deferred: nobody but who archives to a bucket needs it.
        from obstore.store import S3Store

        self._bucket, self._prefix, words = _s3_words(location)
        self._host = words.get("endpoint", "AWS")
        access_key, secret_key, token = _s3_credentials(location)
        region = words.get("region") or os.environ.get("AWS_REGION") or "us-east-1"
        hosted = words.get("hosted") == "1"
        more: dict[str, Any] = {"session_token": token} if token else {}
        # Said here: the library would follow AWS_ENDPOINT_URL, and a location is one place, whoever reads it.
        amazon = f"https://{f'{self._bucket}.' if hosted else ''}s3.{region}.amazonaws.com"
        self._store: S3Store = S3Store(
            self._bucket,
            access_key_id=access_key,
            secret_access_key=secret_key,
            region=region,
            endpoint=words.get("endpoint", amazon),
            virtual_hosted_style_request=hosted,
            client_options={
                "allow_http": words.get("endpoint", "").startswith("http://"),
                "connect_timeout": _PATIENCE,
                "timeout": "300s",
            },
            retry_config={
                "max_retries": 2,
                "retry_timeout": timedelta(seconds=60),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=200),
                    "max_backoff": timedelta(seconds=5),
                    "base": 2,
                },
            },
            **more,
        )

    def mark(self) -> None:
        """Writes the mark, which also proves the credentials."""
        try:
            self._try("written", lambda store: store.put(self._key(MARK), _MARK_TEXT))
        except NotFound as error:
            raise WorkFailed(
                f"there is no bucket {self._bucket} at {self._host}", "make it there; Kolony makes none"
            ) from error

    def check(self) -> None:
        """The mark is there."""
        try:
            self._try("read", lambda store: store.head(self._key(MARK)))
        except NotFound as error:
            raise WorkFailed(
                f"{self._host} has no bucket {self._bucket} with an archive in it",
                "kolony retention archive says where it should be, and sets it",
            ) from error

    def put(self, name: str, file: Path) -> None:
        """Uploads it, in parts where it is large."""
        self._try("written", lambda store: store.put(self._key(name), file))

    def read(self, name: str) -> Iterator[bytes]:
        """Its bytes."""
        stream = self._try("read", lambda store: store.get(self._key(name)).stream(min_chunk_size=_PIECE))
        pieces = iter(stream)
        while (piece := self._try("read", lambda _: next(pieces, None))) is not None:
            yield bytes(piece)

    def remove(self, name: str) -> None:
        """Deletes it."""
        with contextlib.suppress(NotFound):
            self._try("written", lambda store: store.delete(self._key(name)))

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _try(self, done: str, step: Any) -> Any:
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        try:
            return step(self._store)
        except FileNotFoundError as error:
            raise NotFound(f"an object that is looked for is not in the bucket {self._bucket}") from error
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise WorkFailed(
                f"the bucket {self._bucket} cannot be {done}: {self._host} refuses the credentials",
                "are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or those of --access-key, for this bucket?",
            ) from error
        except (BaseError, OSError, ValueError) as error:
            raise WorkFailed(
                f"the bucket {self._bucket} cannot be {done}: {_cause(error)[:300]}", f"does {self._host} answer?"
            ) from error


def _cause(error: Exception) -> str:
    """What went wrong, without how it was tried.

    >>> _cause(ValueError("Generic S3 error: Error performing GET http://h/b in 1ms, after 2 retries - HTTP error: no"))
    'HTTP error: no'
    """
    first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    before, tried, cause = first.partition(" - ")
    return cause if tried and "Error performing" in before else first
