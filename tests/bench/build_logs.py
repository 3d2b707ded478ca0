"""What the benchmarks of output print: logs of real builds, made anew on this machine."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.measuring import ROOT

_C = """#include <stdio.h>
int unused(int a) { int b; return a; }
int main(int argc, char **argv) { char *p = argc; printf("%d\\n", p); return 0; }
"""


def build_logs() -> bytes:
    """Verbose logs of a package's build and installation, of byte compilation, of tests and of a C compiler, in turn.

    About 150 KB of which no two lines are the same program's; what the machine lacks (a C compiler) is left out.
    """
    with tempfile.TemporaryDirectory(prefix="kolony-bench-") as named:
        folder = Path(named)
        (folder / "odd.c").write_text(_C)
        copied = folder / "source"
        programs: list[list[str | Path]] = [
            ["cp", "-rv", ROOT / "kolony_tui", copied],
            [sys.executable, "-m", "pip", "install", "-v", "--no-deps", "--target", folder / "installed", ROOT],
            [sys.executable, "-m", "compileall", "-f", copied],
            [sys.executable, "-m", "pytest", "-v", "--color=yes", "-p", "no:cacheprovider", "tests/text/test_sgr.py",
             "tests/text/test_safe.py"],
            [sys.executable, "-m", "pip", "list", "-v"],
            ["gcc", "-v", "-Wall", "-Wextra", "-o", folder / "odd", folder / "odd.c"],
        ]  # fmt: skip
        return b"".join(map(_log, programs))


def _log(words: list[str | Path]) -> bytes:
    try:
        done = subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)  # fmt: skip
    except FileNotFoundError:
        return b""
    return done.stdout


def write_logs(path: Path, size: int) -> None:
    """Fills a file with them, over and over, to so many bytes: pieces of 64 KiB repeat nothing."""
    once = build_logs()
    path.write_bytes((once * (size // len(once) + 1))[:size])
    path.chmod(0o644)
