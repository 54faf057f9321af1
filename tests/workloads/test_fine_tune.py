from __future__ import annotations

import dataclasses
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ranks
import torch
from click.testing import CliRunner, Result

from rayworks.cli import main
from rayworks.common.distributed import Place
from rayworks.common.errors import UserError
from rayworks.fine_tune import model, text, worker, zero
from rayworks.fine_tune.config import Config
from rayworks.fine_tune.loop import Training, numbers
from rayworks.fine_tune.text import Blocks

RANK = """
from pathlib import Path
import json
import numpy as np
from rayworks.common.distributed import Place
from rayworks.fine_tune import model
from rayworks.fine_tune.config import Config
from rayworks.fine_tune.loop import Training, numbers
from rayworks.fine_tune.text import Blocks

folder, saved, epochs = Path(sys.argv[3]), sys.argv[4], int(sys.argv[5])
fields = json.loads((folder / "config.json").read_text())
config = Config(**fields | {"epochs": epochs})
blocks = Blocks(**np.load(folder / "blocks.npz"))
torch.manual_seed(config.seed)
training = Training(config, blocks, model.network("tiny", 0.0), Place(rank=rank, world_size=2))

# The learning rate falls over all epochs of the run: only the end of this one is brought forward.
training.config = Config(**fields)
class Cut(Exception): pass
def stop():
    if len(training.history) == epochs:
        raise Cut
try:
    training.run(lambda *_: None, stop)
except Cut:
    pass
training.save(saved)
weights = training.sharded.weights()
print(json.dumps([numbers(training), len(weights)]))
"""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As a worker with one CPU has it; more only wait for each other here."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        workload="fine-tune",
        model="tiny",
        dataset="pydoc",
        block_size=16,
        batch_size=4,
        micro_batch_size=2,
        epochs=3,
        lr=1e-2,
        num_workers=1,
        storage_path=str(tmp_path),
        run_name="test",
    )


@pytest.fixture
def blocks() -> Blocks:
    """Texts that count up: 18 blocks to train on, 3 to measure, which two ranks share unevenly."""
    tokens = (np.arange(21 * 16) % 50).astype(np.int32).reshape(21, 16)
    return Blocks(tokens[:18], tokens[18:])


def train(config: Config, blocks: Blocks, folder: Path | None = None) -> Training:
    torch.manual_seed(config.seed)
    training = Training(config, blocks, model.network("tiny", config.dropout), Place())
    if folder is not None:
        training.load(str(folder))
    training.run(lambda *_: None, lambda: None)
    return training


def losses(history: list[dict[str, Any]]) -> list[float]:
    return [epoch[name] for epoch in history for name in ("train_loss", "loss", "perplexity")]


def test_it_learns_and_the_perplexity_is_that_of_the_model(config: Config, blocks: Blocks) -> None:
    training = train(config, blocks)
    first, last = training.history[0], training.history[-1]
    assert last.loss < first.loss - 0.5
    assert last.perplexity == pytest.approx(math.exp(last.loss))
    tokens = torch.tensor(blocks.held_out).long()
    with torch.no_grad():
        said = training.sharded.module.eval()(input_ids=tokens, labels=tokens).loss
    assert last.loss == pytest.approx(float(said), rel=1e-5)


def test_same_seed_same_numbers(config: Config, blocks: Blocks) -> None:
    config = dataclasses.replace(config, dropout=0.1, epochs=2)
    first = losses(numbers(train(config, blocks)))
    torch.rand(5)  # what else draws random numbers must not matter
    assert losses(numbers(train(config, blocks))) == first
    assert losses(numbers(train(dataclasses.replace(config, seed=1), blocks))) != first


def test_micro_batches_add_up_to_the_step(config: Config, blocks: Blocks) -> None:
    whole = losses(numbers(train(dataclasses.replace(config, micro_batch_size=4), blocks)))
    # 3 and 1: they do not weigh the same
    parts = losses(numbers(train(dataclasses.replace(config, micro_batch_size=3), blocks)))
    assert parts == pytest.approx(whole, rel=1e-4)


@pytest.mark.cluster
def test_two_ranks_train_the_numbers_of_one_which_goes_on(
    config: Config, blocks: Blocks, tmp_path: Path
) -> None:
    fields = dataclasses.asdict(config) | {"num_workers": 2}
    (tmp_path / "config.json").write_text(json.dumps(fields, default=str))
    np.savez(tmp_path / "blocks.npz", train=blocks.train, held_out=blocks.held_out)
    saved = tmp_path / "saved"
    printed = ranks.run(RANK, tmp_path, saved, 2)
    histories, weights = zip(*(json.loads(line) for line in printed), strict=True)
    assert losses(histories[0]) == losses(histories[1])
    assert weights[0] > 0
    assert weights[1] == 0, "only rank 0 holds the whole model"
    assert {path.name for path in saved.iterdir()} >= {"__0_0.distcp", "__1_0.distcp"}
    whole = numbers(train(config, blocks))
    assert losses(histories[0]) == pytest.approx(losses(whole[:2]), rel=1e-3)
    resumed = numbers(train(config, blocks, saved))
    assert resumed[:2] == histories[0]
    assert losses(resumed) == pytest.approx(losses(whole), rel=1e-3)


def test_texts_are_packed_one_behind_the_other() -> None:
    tokenizer = model.tokenizer("tiny")
    end = tokenizer.eos_token_id
    packed = text.pack(["abc", "defgh"], tokenizer, 5)
    letters = [tokenizer("abcdefgh")["input_ids"][at] for at in range(8)]
    assert packed.tolist() == [[*letters[:3], end, letters[3]], [*letters[4:], end][:5]]


def test_the_byte_tokenizer_gives_back_any_text() -> None:
    tokenizer = model.tokenizer("tiny")
    said = "Größe: 3 μm\n\t→ 𝄞"
    tokens = tokenizer(said)["input_ids"]
    assert len(tokens) == len(said.encode())
    assert tokenizer.decode(tokens) == said


def test_files_of_a_folder_in_their_order(tmp_path: Path) -> None:
    for name, content in {"b.txt": "second", "a.txt": "first", "c.txt": " \n", "d.md": "x"}.items():
        (tmp_path / name).write_text(content)
    assert text.from_files(tmp_path) == ["first", "second"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), (b"\xff\xfe\x00", "cannot be read"), (b" \n", "is empty")],
)
def test_refuses_what_is_no_text(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "corpus"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=re.escape(f"--text {path} {message}")):
        text.from_files(path)


def test_refuses_a_folder_without_texts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no \.txt files"):
        text.from_files(tmp_path)


def test_refuses_too_little_text(config: Config, tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("short " * 10)
    config = dataclasses.replace(config, dataset=None, text=tmp_path / "short.txt")
    with pytest.raises(UserError, match=r"has 3 blocks of 16 tokens, 1 of them held out: too few"):
        text.blocks(config, model.tokenizer("tiny"))


def test_a_data_set_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match="needs the package datasets, which is not inst") as caught:
        text.from_hub("Salesforce/wikitext", None)
    assert "--text" in str(caught.value.hint)


def test_a_model_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def away(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", away)
    with pytest.raises(UserError, match="neither a folder nor can it be downloaded") as caught:
        model.located("gpt2-large", tmp_path)
    assert "HF_ENDPOINT" in str(caught.value.hint)
    with pytest.raises(UserError, match=r"has no config\.json that can be read"):
        model.context(str(tmp_path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategy": "zero"}, "--strategy zero is not one of fsdp, deepspeed"),
        ({"dataset": None}, "there must be one corpus: --text or --dataset"),
        ({"text": Path("a.txt")}, "there must be one corpus: --text or --dataset"),
        ({"num_workers": 0}, "--num-workers 0 must be at least 1"),
        ({"num_workers": 3}, "--batch-size 4 cannot be shared evenly by 3 workers"),
        ({"block_size": 1}, "--block-size 1 must be at least 2"),
        ({"held_out": 0.0}, "--held-out 0.0 must be between 0 and 1"),
        ({"lr": -1.0}, "--lr -1.0 must be a positive number"),
    ],
)
def test_refuses(config: Config, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        dataclasses.replace(config, **change)
    assert caught.value.message.startswith(message)
    assert caught.value.hint


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["fine-tune", *map(str, arguments)])


def test_deepspeed_is_refused_before_any_work(tmp_path: Path) -> None:
    done = call("--smoke-test", "--strategy", "deepspeed", "--storage-path", tmp_path / "store")
    assert done.exit_code == 1
    first, second = done.stderr.splitlines()
    assert first == (
        "error: --strategy deepspeed needs the package deepspeed, which is not installed"
    )
    tests = Path(__file__).parents[1]
    (version,) = re.findall(
        r"^deepspeed(==\S+)",
        (tests / "with-deepspeed" / "requirements.lock").read_text(),
        re.MULTILINE,
    )
    for told in (second, (tests.parent / "workloads" / "README.md").read_text()):
        assert f"deepspeed: {version}" in told  # the version that is tested
    assert "packages" in second
    assert not (tmp_path / "store").exists()


def test_a_block_longer_than_the_model_takes(tmp_path: Path) -> None:
    done = call(
        "--model", "tiny", "--dataset", "pydoc", "--block-size", 2048, "--storage-path", tmp_path
    )
    assert done.stderr.startswith("error: --block-size 2048 is more than tiny takes, 1024 tokens")


def test_what_deepspeed_is_told(config: Config) -> None:
    told = zero.settings(dataclasses.replace(config, batch_size=24), world_size=3)
    assert told["zero_optimization"]["stage"] == 3
    sizes = ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps")
    # DeepSpeed refuses what does not multiply: 24 is 2 in each of 4, by 3
    assert [told[name] for name in sizes] == [24, 2, 4]
    assert told["bf16"] == {"enabled": False}


def test_deepspeed_goes_on_with_equally_many_only(config: Config, blocks: Blocks) -> None:
    training = Training(config, blocks, model.network("tiny", 0.0), Place())
    folder = Path(config.storage_path)
    training.save(str(folder))
    about = json.loads((folder / "metadata.json").read_text())
    (folder / "metadata.json").write_text(json.dumps(about | {"world_size": 2}))
    training.config = object.__new__(Config)  # as if the package were there
    object.__setattr__(training.config, "strategy", "deepspeed")
    with pytest.raises(ValueError, match="is of 2 workers and cannot go on with 1"):
        training.load(str(folder))


def test_the_model_left_goes_on_with_a_text(config: Config, blocks: Blocks, tmp_path: Path) -> None:
    from rayworks.common.storage import Store

    training = train(dataclasses.replace(config, epochs=1), blocks)
    store = Store(str(tmp_path / "run"))
    network: Any = training.sharded.module
    worker._export(network, training.sharded.weights(), model.tokenizer("tiny"), store)
    again = model.network(str(tmp_path / "run" / "model"), 0.0)
    for name, value in network.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    options = ["generate", "--storage-path", tmp_path, "--max-new-tokens", 5, "--prompt", "abc"]
    greedy = [call(*options, "--run-name", "run", "--temperature", 0).stdout for _ in range(2)]
    assert greedy[0] == greedy[1]
    assert greedy[0].startswith("abc")
    assert len(greedy[0].rstrip("\n")) > 3
    done = call(*options, "--run-name", "other")
    assert done.stderr.startswith(f"error: {tmp_path}/other has no trained model")


def test_help_imports_nothing_heavy() -> None:
    code = """
import sys
from click.testing import CliRunner
from rayworks.cli import main
for arguments in (["fine-tune"], ["fine-tune", "generate"], ["tune-fashion-mnist"]):
    result = CliRunner().invoke(main, [*arguments, "--help"])
    assert result.exit_code == 0, result.output
heavy = {"torch", "ray", "numpy", "pyarrow", "transformers", "tokenizers"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
