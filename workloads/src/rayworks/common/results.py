"""Files of a run's folder as a tar archive on stdout: how `make run` fetches them from a pod.

    python -m rayworks.common.results result.json learning-curve.png

STORAGE_PATH and RUN_NAME say which run, as they tell it to the job itself.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
from collections.abc import Sequence
from typing import IO

from rayworks.common.errors import UserError
from rayworks.common.storage import Store


def pack(store: Store, names: Sequence[str], out: IO[bytes]) -> None:
    """Write files as a tar archive.

    Args:
        store: the run's folder.
        names: of the files in it.
        out: the archive; need not be seekable.

    Raises:
        UserError: a file is not there.
    """
    with tarfile.open(fileobj=out, mode="w|") as archive:
        for name in names:
            data = store.read(name)
            if data is None:
                raise UserError(f"{store.path(name)} is not there")
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def main() -> None:
    """Pack the files that the command line names."""
    folder = f"{os.environ['STORAGE_PATH'].rstrip('/')}/{os.environ['RUN_NAME']}"
    try:
        pack(Store(folder, read_only=True), sys.argv[1:], sys.stdout.buffer)
    except UserError as error:
        error.show()
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
