"""A program for the pty test: an output view fed with every hostile payload, which ends when told to."""

from __future__ import annotations

import sys

from kolony_tui.models.records import OutputPiece, OutputStream
from kolony_tui.ui.widgets.output import OutputView
from tests.text.hostile import PAYLOADS
from tests.ui.widgets.output_app import OutputApp, piece

STREAMS: tuple[OutputStream, ...] = ("stdout", "stderr", "log")


class HostileApp(OutputApp):
    """Tells of each key and action that reaches it; none should."""

    BINDINGS = [("c", "stolen"), ("q", "quit")]  # noqa: RUF012

    def action_stolen(self) -> None:
        self.exit(return_code=3)


def main() -> None:
    view = OutputView()
    pieces: list[OutputPiece] = []
    for text in PAYLOADS.values():
        for stream in STREAMS:
            pieces.append(piece(len(pieces), text.encode(errors="surrogatepass") + b"\n", stream))
    # Sequences that only come together when pieces meet.
    for data in (b"\x1b", b"]52;c;", b"cGF5bG9hZA==", b"\x07\x1b[", b"c", b"\xc2", b"\x9bc\xff\x9b6n\n", b"THE END"):
        pieces.append(piece(len(pieces), data))
    view.feed(pieces)
    view.wrap = "wrap" in sys.argv
    app = HostileApp(view)
    app.run()
    sys.exit(app.return_code)


if __name__ == "__main__":
    main()
