from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from rayworks.classifier.config import Config
from rayworks.classifier.data import Images
from rayworks.common.distributed import Place
from rayworks.common.progress import Emit

Command = Callable[..., Result]

#: The first event of every run.
BEGUN = "configuration"


def test_help_imports_nothing_heavy() -> None:
    code = """
import sys
from click.testing import CliRunner
from rayworks.cli import main
for arguments in (["--help"], ["fashion-mnist", "--help"]):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    print(result.output)
heavy = {"torch", "ray", "numpy", "pyarrow", "matplotlib", "sklearn", "pandas"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "fashion-mnist" in done.stdout
    assert "NUM_WORKERS" not in done.stderr


def test_the_driver_needs_no_torch() -> None:
    code = """
import sys
import rayworks.classifier.train
from rayworks.classifier.data import digits
digits()
heavy = {"torch", "sklearn", "matplotlib", "ray"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_workload() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rayworks", "fashion"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "No such command 'fashion'" in done.stderr


def test_a_run_leaves_result_curve_and_checkpoint(
    command: Command, idx_folder: Path, tmp_path: Path
) -> None:
    done = command("--num-workers", 0, "--data-dir", idx_folder, "--epochs", 2, "--lr", 0.05)
    assert done.exit_code == 0, done.output
    folder = tmp_path / "store" / "fashion-mnist"
    result = json.loads((folder / "result.json").read_text())
    assert result["dataset"] == "fashion-mnist"
    assert [epoch["epoch"] for epoch in result["history"]] == [1, 2]
    assert result["accuracy"] == result["history"][-1]["accuracy"]
    assert result["world_size"] == 1
    assert result["settings"]["lr"] == 0.05
    assert set(result["versions"]) == {"rayworks", "python", "ray", "torch", "numpy"}
    timings = result["timings"]
    assert timings["data"] <= timings["ready"] <= timings["first_step"] <= timings["trained"]
    assert (folder / "learning-curve.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert (folder / "checkpoints" / "state.pt").exists()
    assert not list(folder.rglob("*.part"))


def test_without_a_terminal_it_prints_json_lines(command: Command, idx_folder: Path) -> None:
    done = command("--num-workers", 0, "--data-dir", idx_folder, "--epochs", 2)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == [BEGUN, "first_step", "epoch", "epoch", "result"]
    assert all("time" in event for event in events)


def test_the_effective_configuration_is_told_and_kept(
    command: Command, idx_folder: Path, tmp_path: Path
) -> None:
    done = command("--num-workers", 0, "--data-dir", idx_folder, "--epochs", 1)
    told = json.loads(done.stdout.splitlines()[0])
    kept = json.loads((tmp_path / "store" / "fashion-mnist" / "run.json").read_text())
    assert told == {"time": told["time"], "event": BEGUN, **kept["configuration"]}
    assert kept["configuration"] == {
        "workload": "fashion-mnist",
        "storage_path": str(tmp_path / "store"),
        "run_name": "fashion-mnist",
        "placement_timeout": 120.0,
        "verbose": False,
        "num_workers": 0,
        "min_workers": None,
        "cpus_per_worker": 1,
        "use_gpu": False,
        "fresh": False,
        "max_failures": 3,
        "model": "rayworks.fashion_mnist.model:Classifier",
        "dataset": "fashion-mnist",
        "epochs": 1,
        "batch_size": 32,
        "lr": 1e-3,
        "momentum": 0.9,
        "dropout": 0.25,
        "seed": 0,
        "data_dir": str(idx_folder),
    }
    assert kept["settings"].items() <= kept["configuration"].items()


def test_options_come_from_the_environment(
    command: Command, idx_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "NUM_WORKERS": "0",
        "CPUS_PER_WORKER": "1",
        "USE_GPU": "false",
        "RUN_NAME": "mine",
        "EPOCHS": "1",
        "DATASET": "fashion-mnist",
        "DATA_DIR": str(idx_folder),
    }.items():
        monkeypatch.setenv(name, value)
    assert command().exit_code == 0
    assert (tmp_path / "store" / "mine" / "result.json").exists()


class KilledError(Exception):
    """As when the process is killed in the middle."""


@pytest.fixture
def stop_after_first_epoch(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The next run ends without a word once its first epoch is saved."""
    from rayworks.classifier import worker

    real = worker.train

    def stopped(
        config: Config,
        images: Images,
        state: bytes | None,
        place: Place,
        emit: Emit,
        save: worker.Save,
        share: Callable[[Any], Any],
    ) -> worker.Outcome:
        def save_and_stop(numbers: dict[str, Any], state: bytes | None) -> None:
            save(numbers, state)
            monkeypatch.setattr(worker, "train", real)
            raise KilledError

        return real(config, images, state, place, emit, save_and_stop, share)

    return lambda: monkeypatch.setattr(worker, "train", stopped)


def history(tmp_path: Path, run: str) -> list[tuple[float, float, float]]:
    result = json.loads((tmp_path / "store" / run / "result.json").read_text())
    return [(e["train_loss"], e["loss"], e["accuracy"]) for e in result["history"]]


def events(done: Result) -> list[str]:
    return [json.loads(line)["event"] for line in done.stdout.splitlines()]


def test_an_unfinished_run_goes_on(
    command: Command,
    idx_folder: Path,
    tmp_path: Path,
    stop_after_first_epoch: Callable[[], None],
) -> None:
    options = ["--num-workers", 0, "--data-dir", idx_folder, "--epochs", 3]
    assert command(*options, "--run-name", "whole").exit_code == 0
    stop_after_first_epoch()
    assert isinstance(command(*options, "--run-name", "cut").exception, KilledError)
    assert not (tmp_path / "store" / "cut" / "result.json").exists()
    done = command(*options, "--run-name", "cut")
    assert events(done) == [BEGUN, "resumed", "first_step", "epoch", "epoch", "result"]
    assert history(tmp_path, "cut") == history(tmp_path, "whole")


@pytest.mark.parametrize("change", [["--fresh"], ["--lr", 0.01]])
def test_an_unfinished_run_starts_anew(
    command: Command,
    idx_folder: Path,
    stop_after_first_epoch: Callable[[], None],
    change: list[object],
) -> None:
    options = ["--num-workers", 0, "--data-dir", idx_folder, "--epochs", 2]
    stop_after_first_epoch()
    assert isinstance(command(*options).exception, KilledError)
    done = command(*options, *change)
    assert events(done) == [BEGUN, "first_step", "epoch", "epoch", "result"]


def test_a_finished_run_starts_anew(command: Command, idx_folder: Path) -> None:
    options = ["--num-workers", 0, "--data-dir", idx_folder, "--epochs", 2]
    first, second = command(*options), command(*options)
    assert events(second) == events(first) == [BEGUN, "first_step", "epoch", "epoch", "result"]


def test_a_finished_run_that_mlflow_lacks_is_logged_and_not_trained_anew(
    command: Command, idx_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rayworks.common.tracking.PATIENCE", 0.1)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    options = ["--num-workers", 0, "--data-dir", idx_folder, "--epochs", 2]
    trained = [event for event in events(command(*options)) if event != "mlflow"]
    assert trained == [BEGUN, "first_step", "epoch", "epoch", "result"]
    done = command(*options)
    assert [event for event in events(done) if event != "mlflow"] == [BEGUN, "resumed", "result"]
    assert "did not get 2 epochs; the same command logs them" in done.stdout
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert "first_step" in events(command(*options)), "nobody asks for it any more"


def test_a_failed_start_leaves_the_last_result(
    command: Command, idx_folder: Path, tmp_path: Path
) -> None:
    options = ["--num-workers", 0, "--data-dir", idx_folder, "--epochs", 1]
    assert command(*options).exit_code == 0
    (idx_folder / "t10k-labels-idx1-ubyte").write_bytes(b"")
    assert command(*options).exit_code == 1
    assert (tmp_path / "store" / "fashion-mnist" / "result.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", 0], "error: --epochs 0 must be at least 1"),
        (["--num-workers", -2], "error: --num-workers -2 must not be negative"),
        (["--batch-size", 31], "error: --batch-size 31 cannot be shared evenly by 2 workers"),
    ],
)
def test_errors_are_two_lines(command: Command, arguments: list[object], message: str) -> None:
    done = command(*arguments)
    assert done.exit_code == 1
    first, second = done.stderr.splitlines()
    assert first == message
    assert second.startswith("try:   ")


def test_storage_that_cannot_be_written(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = command("--dataset", "digits", "--storage-path", tmp_path / "file" / "in")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: storage {tmp_path}/file/in/fashion-mnist is not writ")


def test_storage_of_an_unknown_kind(command: Command) -> None:
    done = command("--dataset", "digits", "--storage-path", "nowhere://bucket/folder")
    assert done.exit_code == 1
    assert "error: storage nowhere://bucket/folder" in done.stderr
