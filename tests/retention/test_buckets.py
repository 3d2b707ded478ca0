"""The archive in a bucket, against a server of S3: there and back, refused, absent, and gone in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.backends import get_backend
from moto.core import enable_iam_authentication
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer

from kolony_tui.core import archiving, retention
from kolony_tui.models.errors import WorkFailed
from tests.database import Agent, Workspace
from tests.retention.past import ended_run, logged_in, rows

EVERYTHING = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'


class Buckets:
    """A server with the bucket ``logs``, which checks signatures; it comes back where it was, with all it had."""

    def __init__(self) -> None:
        users: Any = get_backend("iam")[DEFAULT_ACCOUNT_ID]["aws"]
        users.create_user("us-east-1", "keeper")
        users.put_user_policy("keeper", "all", EVERYTHING)
        self.key = users.create_access_key("keeper")
        self.held: Any = get_backend("s3")[DEFAULT_ACCOUNT_ID]["aws"]
        self.held.create_bucket("logs", "us-east-1")
        self.port = 0
        self.come()

    def come(self) -> None:
        """Answers from now on."""
        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()
        self.port = self._server.get_host_and_port()[1]

    def go(self) -> None:
        """Refuses every connection from now on."""
        self._server.stop()

    def place(self, bucket: str) -> str:
        """As a person writes it."""
        return f"s3://{bucket}/of/main?endpoint=http://127.0.0.1:{self.port}&region=us-east-1"

    @property
    def names(self) -> list[str]:
        """What it holds, beside the mark."""
        return [name for name in self.held.buckets["logs"].keys if not name.endswith(".txt")]


@pytest.fixture
def buckets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Buckets]:
    """A server; whoever runs this has credentials for it."""
    with enable_iam_authentication():
        server = Buckets()
        monkeypatch.setenv("KOLONY_HOME", str(tmp_path))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.key.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.key.secret_access_key)
        try:
            yield server
        finally:
            server.go()


async def test_a_bucket_keeps_output_and_loses_none(
    workspace: Workspace, agent: Agent, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    superuser = await workspace.database.superuser()
    large = [bytes([65 + n % 26]) * 900 + b" %d\n" % n for n in range(40)]
    runs = [await ended_run(workspace, agent, 42), await ended_run(workspace, agent, 41, large)]
    before = [await rows(superuser, run) for run in runs]

    async def here() -> list[bool]:
        return [await rows(superuser, run) == kept for run, kept in zip(runs, before, strict=True)]

    async with logged_in(workspace.database, "ada") as ada:
        with pytest.raises(WorkFailed, match=r"^there is no bucket absent at http://127.0.0.1:\d+$"):
            await archiving.set_archive(ada, buckets.place("absent"))
        assert await retention.archive_location(ada) is None, "a place that was refused is not set"
        await archiving.set_archive(ada, buckets.place("logs"))

        with monkeypatch.context() as wrong:
            wrong.setenv("AWS_SECRET_ACCESS_KEY", "not the one")
            refused = await archiving.tend(ada)
            assert (refused.archived, refused.failed, "refuses the credentials" in refused.error) == (0, 1, True)
            assert "\n" not in refused.error
            wrong.delenv("AWS_SECRET_ACCESS_KEY")
            assert "no credentials are known for s3://logs" in (await archiving.tend(ada)).error
        assert await here() == [True, True]

        did = await archiving.tend(ada, lambda done, total: buckets.go())
        assert (did.archived, did.failed, "cannot be written" in did.error) == (1, 1, True), "gone after the first"
        assert await here() == [False, True]
        assert "cannot be written" in next(each.words for each in await retention.jobs(ada) if each.job == "archive")
        with pytest.raises(WorkFailed, match="the bucket logs cannot be read"):
            await archiving.restore(ada, runs[0])
        buckets.come()
        assert (await archiving.tend(ada)).archived == 1, "and back"
        assert (await here(), len(buckets.names)) == ([False, False], 2)

        for run in runs:
            await archiving.restore(ada, run)
        assert await here() == [True, True], "byte for byte"
        await superuser.execute("UPDATE kolony.output_archives SET finished_at = now() - interval '91 days'")
        assert (await archiving.tend(ada)).removed == 2
        assert (buckets.names, await here()) == ([], [False, False])
