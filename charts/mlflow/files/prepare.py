"""What comes before the server: the database as this version of MLflow wants it.

An SQLite database is copied before another version of MLflow migrates it; a migration that does
not come to its end is undone at the next start, by whichever version that is. One replica at a
time migrates PostgreSQL.

Environment: MLFLOW_BACKEND_STORE_URI; BACKUPS, the folder of copies, empty for PostgreSQL; RESTORE,
name of a copy to put in place of the database, once; ADMIN_USERNAME and ADMIN_PASSWORD, where users
must sign in: the administrator's, and theirs again if somebody has changed them.
"""

import datetime
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import mlflow.db
import sqlalchemy
from alembic.util import CommandError

#: Any number, the same in all replicas.
LOCK = 7_265_870_771

#: What older versions of MLflow came with; this one lets nobody in with it.
DEFAULT_PASSWORD = "password1234"  # noqa: S105

uri = os.environ["MLFLOW_BACKEND_STORE_URI"]


def copy(source: Path, target: Path) -> None:
    """Put a copy in place of a database, or leave that as it was."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def keep(database: Path, target: Path) -> None:
    """Copy a database into the folder of copies, whole or not at all."""
    part = target.with_suffix(".part")
    part.unlink(missing_ok=True)
    copy(database, part)
    part.rename(target)


def name(reason: str) -> str:
    """Name of a copy that is made now."""
    return f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}-before-{reason}.db"


def migrate() -> None:
    """Make or migrate the tables of runs and models, and then those of users."""
    try:
        mlflow.db.commands.main(["upgrade", uri], standalone_mode=False)
        if username := os.environ.get("ADMIN_USERNAME"):
            administrator(username, os.environ["ADMIN_PASSWORD"])
    except CommandError as error:
        sys.exit(
            f"the database is newer than MLflow {mlflow.__version__} ({error}): go back to the "
            "version that it is from, or restore a copy from before (backup.restore)"
        )


def administrator(username: str, password: str) -> None:
    """Make the administrator, or give them the password of the Secret."""
    if password == DEFAULT_PASSWORD:
        sys.exit("the password is the one that MLflow came with: choose another one")
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore  # takes seconds

    store = SqlAlchemyStore()
    store.init_db(uri)
    if not store.has_user(username):
        store.create_user(username, password, is_admin=True)
    elif not store.authenticate_user(username, password) or not store.get_user(username).is_admin:
        store.update_user(username, password=password, is_admin=True)


def restore(database: Path, backups: Path, wanted: str) -> None:
    """Put the wanted copy in place of the database, if that has not been done yet."""
    done = database.with_name("restored")
    if not wanted:
        done.unlink(missing_ok=True)
    elif not done.exists() or done.read_text() != wanted:
        if not (backups / wanted).is_file():
            there = ", ".join(sorted(path.name for path in backups.glob("*.db"))) or "none"
            sys.exit(f"backup.restore: there is no {wanted}; there is: {there}")
        if database.exists():
            keep(database, backups / name("restore"))
        # It may be another version's.
        database.with_name("version").unlink(missing_ok=True)
        copy(backups / wanted, database)
        done.write_text(wanted)
        print(f"restored {wanted}")


def migrate_embedded(database: Path, backups: Path) -> None:
    """Migrate an SQLite database, with a copy of how it was."""
    backups.mkdir(exist_ok=True)
    version = database.with_name("version")
    unfinished = backups / "unfinished.db"
    if unfinished.exists():
        copy(unfinished, database)
        unfinished.unlink()
        print("undone: a migration that did not come to its end")
    restore(database, backups, os.environ["RESTORE"])
    known = version.read_text() if version.exists() else ""
    migrates = database.exists() and known != mlflow.__version__
    if migrates:
        keep(database, unfinished)
    migrate()
    with closing(sqlite3.connect(database)) as connection:
        # Readers and the writer, and a backup, do not wait for each other.
        connection.execute("PRAGMA journal_mode = WAL")
    version.write_text(mlflow.__version__)
    if migrates:
        unfinished.rename(backups / name(mlflow.__version__))


def migrate_shared() -> None:
    """Migrate a PostgreSQL database while no other replica does."""
    engine = sqlalchemy.create_engine(uri, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        migrate()


if backups := os.environ["BACKUPS"]:
    migrate_embedded(Path(uri.removeprefix("sqlite:///")), Path(backups))
else:
    migrate_shared()
print(f"the database is ready for MLflow {mlflow.__version__}")
