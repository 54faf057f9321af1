"""`python -m bench [name …]`: all benchmarks, or those named."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable

import click

from bench import (
    embedding,
    images,
    language,
    orphans,
    pipeline,
    serve,
    startup,
    throughput,
    trees,
)
from lib.errors import exits_cleanly
from lib.scratch import temporary_files_removed

#: Each prints its table and returns its figures. The cluster that the last one starts would take
#: processor time from the others.
BENCHMARKS: dict[str, Callable[[], dict[str, float]]] = {
    "throughput": throughput.measure,
    "pipeline": pipeline.measure,
    "serve": serve.measure,
    "images": images.measure,
    "embedding": embedding.measure,
    "language": language.measure,
    "trees": trees.measure,
    "startup": startup.measure,
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)))
@exits_cleanly
def main(names: tuple[str, ...]) -> None:
    """Run benchmarks; the last line is JSON."""
    # Ended by `kill` it would leave its contenders frozen, for ever.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    figures: dict[str, float] = {}
    with temporary_files_removed(), orphans.ended():
        for name in names or BENCHMARKS:
            figures |= BENCHMARKS[name]()
    print(json.dumps(figures))
    sys.stdout.flush()


main()
