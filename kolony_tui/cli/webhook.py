"""``kolony webhook``: addresses that get a workspace's events by HTTP."""

from __future__ import annotations

import argparse
import sys

from kolony_tui.cli.listing import print_rows
from kolony_tui.cli.verbs import done, group, in_session, tell, verb
from kolony_tui.models.errors import ExitCode, UsageError

TYPE_CHECKING = False  # typing.TYPE_CHECKING without typing: these modules are to load fast
if TYPE_CHECKING:
    from typing import Any

    from kolony_tui.core.session import PersonSession
    from kolony_tui.models.notifications import Delivery, Webhook


def register_webhook(verbs: Any) -> None:
    """Declares ``kolony webhook`` and its verbs."""
    note = (
        "A delivery is a POST of JSON with the header Kolony-Signature: t=SECONDS,v1=HEX, the HMAC-SHA256 of"
        " 'SECONDS.BODY' by the webhook's secret. Admins' apps and kolony maintain carry what is due; it is tried ten"
        " times over about 5 hours. Redirects are not followed and proxies not used; addresses of private networks are"
        " allowed, link-local ones are not."
    )
    hooks = group(verbs, "webhook", "addresses that get the workspace's events by HTTP (admins)")
    adding = verb(hooks, "add", _add_webhook, "add a webhook", epilog=note)
    adding.add_argument("name")
    adding.add_argument("url", help="https://..., or http:// to localhost")
    editing = verb(hooks, "edit", _edit_webhook, "change a webhook")
    editing.add_argument("name")
    editing.add_argument("--url", help="another address")
    for parser in (adding, editing):
        parser.add_argument("--kinds", metavar="A,B", help="only these kinds of notifications; all: every one")
        parser.add_argument("--at-least", metavar="PRIORITY", help="only from this priority on")
        parser.add_argument("--secret-stdin", action="store_true",
                            help="read its secret from standard input (add else makes one, shown once)")  # fmt: skip
    verb(hooks, "list", _list_webhooks, "the webhooks, without their secrets")
    verb(hooks, "remove", _remove_webhook, "remove a webhook and its secret for good").add_argument("name")
    verb(hooks, "test", _test_webhook, "send a webhook a test now").add_argument("name")
    log = verb(hooks, "deliveries", _deliveries, "what webhooks were sent, newest first")
    log.add_argument("name", nargs="?", help="of this webhook only")
    log.add_argument("--state", choices=("pending", "delivered", "failed", "cancelled"))
    log.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (50)")


async def _meant(session: PersonSession, name: str) -> Webhook:
    from kolony_tui.core.webhooks import webhook_named, webhooks

    return webhook_named(await webhooks(session), name)


def _kinds(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return [] if text.strip() == "all" else [word.strip() for word in text.split(",") if word.strip()]


def _secret_from_stdin() -> Any:
    from kolony_tui.models.secret import Secret

    return Secret(sys.stdin.readline().rstrip("\n"))


def _add_webhook(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json, print_line
    from kolony_tui.core.webhooks import add_webhook, new_secret
    from kolony_tui.models.notifications import urgency_written

    secret = _secret_from_stdin() if args.secret_stdin else new_secret()
    at_least = urgency_written(args.at_least or "low")
    made = in_session(
        args,
        lambda session: add_webhook(
            session, args.name, args.url, secret, kinds=_kinds(args.kinds) or (), at_least=at_least
        ),
    )
    if args.json:
        shown = {} if args.secret_stdin else {"secret": secret.reveal()}
        print_json({"webhook_id": made, "name": args.name, **shown})
    elif args.secret_stdin:
        tell(f"webhook {args.name} is there")
    else:
        tell(f"webhook {args.name} is there; its secret, shown this once:")
        print_line(secret.reveal())
    return ExitCode.DONE


def _edit_webhook(args: argparse.Namespace) -> int:
    from kolony_tui.core.webhooks import change_webhook
    from kolony_tui.models.notifications import urgency_written

    if args.url is args.kinds is args.at_least is None and not args.secret_stdin:
        raise UsageError("nothing to change was given", "see kolony webhook edit --help")
    secret = _secret_from_stdin() if args.secret_stdin else None
    at_least = None if args.at_least is None else urgency_written(args.at_least)

    async def work(session: PersonSession) -> Webhook:
        found = await _meant(session, args.name)
        await change_webhook(
            session, found.webhook_id, url=args.url, kinds=_kinds(args.kinds), at_least=at_least, secret=secret
        )
        return found

    found = in_session(args, work)
    return done(args, f"webhook {args.name} is changed", webhook_id=found.webhook_id, name=args.name)


def _list_webhooks(args: argparse.Namespace) -> int:
    if args.json:
        return print_rows(args, lambda reader: reader.rows("notifications/webhooks"))
    from kolony_tui.cli.printing import print_table
    from kolony_tui.core.webhooks import webhooks

    print_table(
        ["NAME", "URL", "KINDS", "FROM", "WAIT", "GIVEN UP", "LAST DELIVERED"],
        [
            (each.name, each.url, ", ".join(each.kinds) or "all", each.at_least, each.pending, each.failed,
             each.last_delivered_at)
            for each in in_session(args, webhooks)
        ],
    )  # fmt: skip
    return ExitCode.DONE


def _remove_webhook(args: argparse.Namespace) -> int:
    from kolony_tui.core.webhooks import remove_webhook

    async def work(session: PersonSession) -> Webhook:
        found = await _meant(session, args.name)
        await remove_webhook(session, found.webhook_id)
        return found

    found = in_session(args, work)
    return done(args, f"webhook {args.name} is removed", webhook_id=found.webhook_id, name=args.name)


def _test_webhook(args: argparse.Namespace) -> int:
    from kolony_tui.cli.printing import print_json
    from kolony_tui.core.webhooks import test_webhook

    async def work(session: PersonSession) -> Delivery:
        return await test_webhook(session, (await _meant(session, args.name)).webhook_id)

    sent = in_session(args, work)
    if args.json:
        print_json(sent)
    elif sent.state == "delivered":
        tell(f"webhook {args.name} answered {sent.last_status}")
    else:
        why = sent.last_error.raw if sent.last_error is not None else "nobody knows why"
        tell(f"webhook {args.name} did not take the test: {why}")
    return ExitCode.DONE if sent.state == "delivered" else ExitCode.WORK_FAILED


def _deliveries(args: argparse.Namespace) -> int:
    from kolony_tui.cli.notification import end_of
    from kolony_tui.cli.printing import print_json, print_table
    from kolony_tui.core.webhooks import deliveries

    async def work(session: PersonSession) -> list[Delivery]:
        of = (await _meant(session, args.name)).webhook_id if args.name else None
        return await deliveries(session, of, state=args.state, limit=min(max(args.limit, 1), 10_000))

    found = in_session(args, work)
    if args.json:
        print_json(found)
        return ExitCode.DONE
    print_table(
        ["ID", "WEBHOOK", "STATE", "TRIES", "STATUS", "MADE", "NEXT TRY", "TITLE", "ERROR"],
        [
            (end_of(each.delivery_id), each.webhook, each.state, each.tries, each.last_status, each.created_at,
             each.next_try_at, each.title, each.last_error)
            for each in found
        ],
    )  # fmt: skip
    return ExitCode.DONE
