"""helm test: a claim can be mounted, written and read by the user of the Ray pods.

Environment: VOLUME, where it is mounted; NAME, of a file that nobody else has; STEP: `alone` writes
it, reads it and removes it; `put` writes it, and `take`, in another pod, reads and removes it;
`look` lists the volume, for one that is not to be written to.
"""

import hashlib
import os
import sys
from pathlib import Path

SIZE = 1 << 20

step = os.environ["STEP"]
volume = Path(os.environ["VOLUME"])
file = volume / os.environ["NAME"]


def put():
    """Write random bytes and their digest. What an earlier test has left goes first."""
    file.unlink(missing_ok=True)
    data = os.urandom(SIZE)
    with file.open("xb") as out:
        out.write(data + hashlib.sha256(data).digest())
        out.flush()
        os.fsync(out.fileno())
    print(f"wrote {SIZE} bytes to {file.name}")


def take():
    """Read them again, and remove the file."""
    found = file.read_bytes()
    if len(found) != SIZE + 32 or hashlib.sha256(found[:SIZE]).digest() != found[SIZE:]:
        sys.exit(f"{file.name} is not what was written: {len(found)} bytes")
    file.unlink()
    print(f"read {SIZE} bytes of {file.name}, and removed it")


try:
    if step == "look":
        print(f"{sum(1 for _ in volume.iterdir())} entries in the volume")
    if step in ("alone", "put"):
        put()
    if step in ("alone", "take"):
        take()
except PermissionError as error:
    top = volume.stat()
    sys.exit(
        f"user {os.getuid()}, group {os.getgid()}: {error.strerror}. The volume's top folder"
        f" belongs to {top.st_uid}:{top.st_gid}, mode {top.st_mode & 0o7777:o}. Give it to the user"
        " once, see the README of chart ray-storage."
    )
except FileNotFoundError:
    sys.exit(f"{file.name} is not there: what one pod writes, another one does not see")
