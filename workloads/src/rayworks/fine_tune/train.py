"""One run: text, workers, training, result."""

from __future__ import annotations

import time
from typing import Any

from rayworks.common import report
from rayworks.common.training import begun, fit
from rayworks.fine_tune import model, text, worker
from rayworks.fine_tune.config import Config

#: The panels of the learning curve, and what each shows.
PANELS = {
    "cross entropy of a token": {"train_loss": "training", "loss": "held out"},
    "perplexity": {"perplexity": "held out"},
}


def run(config: Config, started: float) -> dict[str, Any]:
    """Train, and return what result.json holds.

    Args:
        config: the run.
        started: Unix time at which the command began.

    Raises:
        UserError: the run cannot start, or failed for good.
    """
    moments = {"started": started}
    files = model.located(config.model, config.cache)
    longest = model.context(files)
    if longest is not None and config.block_size > longest:
        config.refuse("block_size", f"is more than {config.model} takes, {longest} tokens")
    blocks = text.blocks(config, model.tokenizer(files))
    moments["data"] = time.time()
    import ray

    from rayworks.common import cluster

    with begun(config) as (store, emit), cluster.connected(verbose=config.verbose):
        moments["connected"] = time.time()
        emit(
            {
                "event": "text",
                "blocks": len(blocks.train),
                "held_out": len(blocks.held_out),
                "tokens": config.block_size * len(blocks.train),
            }
        )
        settings = {
            "config": config,
            "blocks": ray.put(blocks),
            # Outside of the shared storage, each node has files of its own.
            "model": files if config.cache else None,
            "folder": store.uri,
        }
        outcome = fit(config, store, worker.on_ray, settings, emit, moments)
        moments |= outcome.moments
        last = outcome.history[-1]
        result = report.result(
            config, outcome.history, outcome.device, moments,
            model=config.model, perplexity=last["perplexity"], loss=last["loss"],
            tokens_per_second=last["tokens_per_second"],
        )  # fmt: skip
        title = f"{config.run_name}: {config.model}, perplexity {last['perplexity']:.1f}"
        store.write("learning-curve.png", report.curve(title, outcome.history, PANELS))
        store.write_json("result.json", result)
        emit(
            {
                "event": "result",
                "perplexity": result["perplexity"],
                "loss": result["loss"],
                "epochs": len(result["history"]),
                "seconds": result["timings"]["total"],
                "path": store.path("result.json"),
                "model": store.path(worker.MODEL),
            }
        )
    return result
