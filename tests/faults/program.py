"""What runs print under load: known bytes at a known rate, each piece kept on this disk before it is printed.

Run as ``python program.py FOLDER SEED BYTES SECONDS``; needs nothing but the standard library.
"""

from __future__ import annotations

import os
import sys
import time
from _blake2 import blake2b
from pathlib import Path


def piece(seed: str, number: int) -> bytes:
    """Line ``number`` of the program with this seed: any bytes but a newline, then one."""
    noise = b"".join(blake2b(f"{seed} {number} {part}".encode()).digest() for part in range(3))
    return b"%d " % number + noise.replace(b"\n", b"\r") + b"\n"


def main() -> None:
    """Prints lines until so many bytes are out, spread over so many seconds."""
    folder, seed, size, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    name = f"{os.environ['KOLONY_RUN_ID']}-{os.environ['KOLONY_ATTEMPT']}"
    Path(folder, f"{name}.began").write_text(str(time.time_ns()))
    began, done, number = time.monotonic(), 0, 0
    copy = os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    while done < size:
        lines = b""
        while len(lines) < min(4096, size - done):
            lines += piece(seed, number)
            number += 1
        _write(copy, lines)
        _write(1, lines)
        done += len(lines)
        time.sleep(max(0.0, began + seconds * done / size - time.monotonic()))


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


if __name__ == "__main__":
    main()
