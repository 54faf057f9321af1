"""Images in folders or Parquet files: found, decoded, and the corrupt ones counted.

Decoded here, not by `ray.data.read_images`: that fails as a whole at the first file that is no
image.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rayworks.common import cluster
from rayworks.common.errors import UserError
from rayworks.common.progress import Emit, Event

if TYPE_CHECKING:
    import ray.data

Pixels = NDArray[np.uint8]

#: Names of files that are taken for images.
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
PARQUET = ".parquet"

#: Files that a task has on their way at once, where they come over a network.
STREAMS = 16


@dataclass(frozen=True, slots=True)
class Files:
    """What lies in a folder."""

    filesystem: Any
    """pyarrow's, to which the paths belong."""
    root: str
    """The folder."""
    sizes: dict[str, int]
    """Path → bytes, of all images, or else of all Parquet files, in it and below, sorted."""

    @property
    def paths(self) -> list[str]:
        """All files."""
        return list(self.sizes)

    @property
    def bytes(self) -> int:
        """Size of all together."""
        return sum(self.sizes.values())

    def only(self, wanted: Callable[[str], bool]) -> Files:
        """The same without the paths that are not wanted."""
        return replace(self, sizes={p: size for p, size in self.sizes.items() if wanted(p)})

    def below(self, path: str) -> tuple[str, ...]:
        """Names of the folders between the root and a file, from the top."""
        return PurePosixPath(path).relative_to(self.root).parts[:-1]

    @property
    def parquet(self) -> bool:
        """Whether they are Parquet files."""
        return next(iter(self.sizes)).lower().endswith(PARQUET)

    def folder(self, path: str) -> str:
        """Name of the folder that a file lies in; empty for the root itself."""
        parent = PurePosixPath(path).parent
        return "" if parent == PurePosixPath(self.root) else parent.name


def find(uri: str, hint: str) -> Files:
    """The images of a folder.

    Args:
        uri: path or URI (`s3://`, `gs://`, `abfs://` …; `s3://anonymous@bucket` is not signed).
        hint: the way out when there are none.

    Raises:
        UserError: the folder is missing, cannot be reached, or has neither images nor Parquet.
    """
    from pyarrow import fs  # type: ignore[import-untyped]

    try:
        if "://" in uri:
            filesystem, root = fs.FileSystem.from_uri(uri)
        else:
            filesystem, root = fs.LocalFileSystem(), str(Path(uri).expanduser().resolve())
        infos = filesystem.get_file_info(fs.FileSelector(root, recursive=True))
    except FileNotFoundError as error:
        raise UserError(f"there is no folder {uri}", hint) from error
    except (OSError, ValueError) as error:
        said = str(error).strip().splitlines() or [repr(error)]
        raise UserError(f"{uri} cannot be read: {said[-1][:300]}", hint) from error
    sizes = {
        info.path: info.size
        for info in infos
        if info.type == fs.FileType.File and not info.base_name.startswith((".", "_"))
    }
    for kinds in (IMAGES, (PARQUET,)):
        if paths := sorted(path for path in sizes if path.lower().endswith(kinds)):
            return Files(filesystem, root, {path: sizes[path] for path in paths})
    raise UserError(f"{uri} has no images ({', '.join(IMAGES)}) and no {PARQUET} files", hint)


def read(files: Files, paths: list[str], rows: int) -> ray.data.Dataset:
    """The columns path and bytes of some files, in the order of the paths, so many a task.

    `ray.data.read_binary_files` takes half as long for a file of 40 kB as its decoding does.

    Args:
        files: those that were found.
        paths: those that are wanted.
        rows: how many a task reads, and hands on together.
    """
    import pyarrow as pa
    import ray.data

    blocks = -(-len(paths) // rows)
    numbers = ray.data.range(len(paths), override_num_blocks=blocks)
    contents = partial(_contents, files.filesystem, ray.put(pa.array(paths)))
    return numbers.map_batches(contents, batch_size=None)


def _contents(filesystem: Any, known: Any, batch: dict[str, NDArray[Any]]) -> Any:
    """Within a task: a table of the files with these numbers."""
    import pyarrow as pa
    import ray
    from pyarrow.fs import LocalFileSystem  # type: ignore[import-untyped]

    def streamed(path: str) -> bytes:
        with filesystem.open_input_stream(path) as stream:
            data: bytes = stream.read()
        return data

    paths = ray.get(known).take(batch["id"]).to_pylist()
    if isinstance(filesystem, LocalFileSystem):
        contents = [Path(path).read_bytes() for path in paths]
    else:
        with ThreadPoolExecutor(STREAMS) as streams:
            contents = list(streams.map(streamed, paths))
    return pa.table({"path": paths, "bytes": pa.array(contents, pa.large_binary())})


def decode(data: bytes, size: int, crop: int | None = None, *, stretch: bool = True) -> Pixels:
    """The pixels (crop, crop, 3) of an image file.

    Args:
        data: the file's content.
        size: of the image before it is cropped: both sides, or the shorter one.
        crop: of the square that is cut from its middle; None: size.
        stretch: make it a square first, as `read_images(size=…)` does; else keep its proportions.

    Raises:
        ValueError: it is no image, or half of one.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as opened:
            # A large JPEG is decoded at a half, a quarter or an eighth of its size.
            opened.draft("RGB", (size, size))
            image = opened.convert("RGB")
        if stretch:
            if image.size != (size, size):
                image = image.resize((size, size), Image.Resampling.BILINEAR)
        else:
            width, height = image.size
            short = min(width, height)
            wanted = (size * width // short, size * height // short)
            image = image.resize(wanted, Image.Resampling.BICUBIC)
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        raise ValueError(
            str(error).strip().splitlines()[0] if str(error) else repr(error)
        ) from error
    edge = crop or size
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    return np.asarray(image)[top : top + edge, left : left + edge]


@dataclass(slots=True)
class Corrupt:
    """The images of a run that cannot be decoded."""

    ear: str
    """Where tasks tell of them: see `skipped`."""
    paths: set[str] = field(default_factory=set)
    """What they told up to now; complete once `listening` has ended."""


@contextmanager
def listening(emit: Emit) -> Iterator[Corrupt]:
    """Hear of corrupt images, each once, however many epochs meet it."""
    found = Corrupt("")

    def note(event: Event) -> None:
        if event["path"] not in found.paths:
            found.paths.add(event["path"])
            emit(event)

    with cluster.heard(note) as found.ear:
        yield found


def each_decoded(
    names: list[str],
    contents: list[bytes],
    decode: Callable[[bytes], Pixels],
    refuse: bool,
    ear: str,
) -> tuple[list[int], list[Pixels]]:
    """Within a task: the pixels of all that can be decoded, and which of the contents those are.

    Args:
        names: what each is called.
        contents: of the image files.
        decode: raises ValueError for a corrupt one.
        refuse: whether a corrupt one ends the run; else it is skipped, and told of.
        ear: of the Corrupt that counts them.

    Raises:
        UserError: an image is corrupt, and to be refused.
    """
    kept, pixels = [], []
    for number, (name, content) in enumerate(zip(names, contents, strict=True)):
        try:
            pixels.append(decode(content))
        except ValueError as error:
            if refuse:
                raise UserError(
                    f"{name} is corrupt: {error}; --on-corrupt skip goes on without it"
                ) from error
            cluster.tell(ear, {"event": "corrupt", "path": name, "why": str(error)})
        else:
            kept.append(number)
    return kept, pixels
