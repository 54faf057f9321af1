"""Copy an SQLite database that is in use, and keep the newest copies.

Environment: DATABASE, its path; BACKUPS, the folder of the copies; KEEP, how many of each kind.
"""

import datetime
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

database = Path(os.environ["DATABASE"])
backups = Path(os.environ["BACKUPS"])

backups.mkdir(exist_ok=True)
part = backups / "backup.part"
part.unlink(missing_ok=True)
with (
    closing(sqlite3.connect(f"file:{database}?mode=rw", uri=True)) as source,
    closing(sqlite3.connect(part)) as copy,
):
    source.backup(copy)
    (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
if verdict != "ok":
    sys.exit(f"{database} is damaged: {verdict}")
now = datetime.datetime.now(datetime.UTC)
target = part.rename(backups / f"{now:%Y%m%dT%H%M%SZ}.db")
print(f"{target}: {target.stat().st_size} bytes")

# By schedule, and from before migrations and restores.
for kind in ("*Z.db", "*Z-before-*.db"):
    for old in sorted(backups.glob(kind))[: -int(os.environ["KEEP"])]:
        old.unlink()
        print(f"{old}: removed")
