"""Publishing: once a version, and nothing that is not signed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lib.errors import UserError
from lib.paths import ROOT
from release import dry_run, publish
from release.charts import Chart, digest
from release.publish import build_settings, notes, publish_charts, publish_images, version
from release.registry import Registry
from versions.components import components


class Shelf(Registry):
    """A registry in memory, that keeps what helm, crane and cosign would."""

    def __init__(self) -> None:
        super().__init__("registry.example.com/here")
        object.__setattr__(self, "packages", {})
        object.__setattr__(self, "signed", set())

    packages: dict[str, str]
    signed: set[str]

    def digest(self, name: str) -> str | None:
        return self.packages.get(name)

    def manifest(self, name: str) -> str:
        return json.dumps({"layers": [{"digest": self.packages[name]}]})

    def push_chart(self, package: Path) -> str:
        name, _, tag = package.stem.rpartition("-")
        self.packages[f"charts/{name}:{tag}"] = digest(package)
        return digest(package)

    def sign(self, repository: str, content: str) -> None:
        self.signed.add(f"{repository}@{content}")

    def verify(self, repository: str, content: str) -> None:
        if f"{repository}@{content}" not in self.signed:
            raise UserError(f"{repository}@{content} is not signed by us")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """An empty registry, for two charts of the repository's and a library."""
    charts = [Chart(ROOT / "charts" / name) for name in ("ray-common", "ray-crds", "ray-job")]
    monkeypatch.setattr(publish, "DIST", tmp_path)
    monkeypatch.setattr(publish, "all_charts", lambda _: charts)
    monkeypatch.setattr(publish, "faults", lambda _: iter(()))
    return Shelf()


def test_a_version_is_published_once(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    first = publish_charts(shelf)
    assert [name.split()[0] for name in first] == ["ray-crds", "ray-job"]
    assert len(shelf.signed) == len(first) == len(shelf.packages)
    assert capsys.readouterr().out.count("pushed and signed") == len(first)
    before = dict(shelf.packages)
    assert publish_charts(shelf) == first
    assert capsys.readouterr().out.count("is there already, and the same") == len(first)
    assert shelf.packages == before


def test_a_published_version_is_never_written_again(shelf: Shelf) -> None:
    publish_charts(shelf)
    shelf.packages["charts/ray-job:0.1.0"] = "sha256:another"
    with pytest.raises(UserError, match=r"charts/ray-job:0\.1\.0 is there already, with another"):
        publish_charts(shelf)
    assert shelf.packages["charts/ray-job:0.1.0"] == "sha256:another"


def test_what_is_there_and_not_signed_is_refused(shelf: Shelf) -> None:
    publish_charts(shelf)
    shelf.signed.clear()
    with pytest.raises(UserError, match="is not signed by us"):
        publish_charts(shelf)


def test_a_chart_that_lacks_a_version_is_not_published(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "faults", lambda _: iter(["charts/x/Chart.yaml: raise it"]))
    with pytest.raises(UserError, match="raise it"):
        publish_charts(shelf)
    assert shelf.packages == {}


def test_images_of_one_architecture_are_not_published(shelf: Shelf) -> None:
    with pytest.raises(UserError, match="0 architectures of 2"):
        publish_images(shelf)


def test_an_image_that_is_there_is_not_written_again(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    made = {name: {"containerimage.digest": "sha256:a"} for name in publish.IMAGES}
    for machine in ("x86_64", "aarch64"):
        (tmp_path / "images" / f"{machine}.json").write_text(json.dumps(made))
    shelf.packages[f"ray:{version()}"] = "sha256:b"
    with pytest.raises(UserError, match=rf"ray:{version()} is there already"):
        publish_images(shelf)


def test_what_was_not_refused_is_told() -> None:
    with pytest.raises(UserError, match="a lie was not refused"):
        dry_run.refused("a lie", lambda: None, "because")

    def fails() -> None:
        raise UserError("for another reason")

    with pytest.raises(UserError, match="for another reason"):
        dry_run.refused("a lie", fails, "because")


def test_the_same_commit_has_the_same_settings() -> None:
    settings = build_settings()
    assert settings == build_settings()
    assert settings["VERSION"] == version()
    assert settings["PLATFORMS"] in {"linux/amd64", "linux/arm64"}
    assert settings["SOURCE_DATE_EPOCH"].isdigit()


def test_notes_name_every_chart_and_component() -> None:
    said = notes()
    assert all(f"| {path.parent.name} |" in said for path in ROOT.glob("charts/ray-j*/Chart.yaml"))
    assert f"| KubeRay | {components()['KubeRay'].version} |" in said
