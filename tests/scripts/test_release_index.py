"""The index of charts: the real chart-releaser against a GitHub on this machine."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from lib.errors import UserError
from lib.paths import ROOT
from lib.shell import run
from release import publish
from release.charts import Chart, package

pytestmark = pytest.mark.full  # make ready-release builds chart-releaser


class GitHub(BaseHTTPRequestHandler):
    """Releases and their assets, as far as chart-releaser asks for them."""

    releases: dict[str, dict]
    tokens: set[str]

    def do_GET(self) -> None:
        tag = self.path.rpartition("/releases/tags/")[2]
        self.answer(200 if tag in self.releases else 404, self.releases.get(tag, {}))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.tokens.add(self.headers["Authorization"])
        if upload := re.search(r"/releases/(\d+)/assets\?name=([^&]+)", self.path):
            release = list(self.releases.values())[int(upload[1])]
            url = f"https://github.test/ours/charts/releases/download/{release['tag_name']}/"
            asset = {"name": upload[2], "browser_download_url": url + upload[2], "size": len(body)}
            release["assets"].append(asset)
            self.answer(201, asset)
            return
        release = json.loads(body) | {"id": len(self.releases), "assets": []}
        self.releases[release["tag_name"]] = release
        self.answer(201, release)

    def answer(self, code: int, body: dict) -> None:
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[GitHub]]:
    """A GitHub with a repository that is checked out, and two packages in dist/charts."""
    GitHub.releases, GitHub.tokens = {}, set()
    remote, checkout = tmp_path / "remote.git", tmp_path / "checkout"
    run(["git", "init", "-q", "--bare", "-b", "main", remote])
    run(["git", "init", "-q", "-b", "main", checkout])
    home = ["git", "-C", checkout]
    run([*home, "remote", "add", "origin", remote])
    # What goes to GitHub with the token in its address goes to the folder.
    address = "github.test/ours/charts.git"
    run([*home, "config", f"url.{remote}.insteadOf", f"https://x-access-token:token@{address}"])
    for branch in ("main", "gh-pages"):
        run([*home, "checkout", "-q", "--orphan", branch])
        (checkout / "index.html").write_text("the site")
        run([*home, "add", "."])
        run([*home, *PERSON, "commit", "-qm", "begin"])
        run([*home, "push", "-q", "origin", branch])
    run([*home, "checkout", "-q", "main"])
    run([*home, "remote", "set-url", "--push", "origin", f"https://{address}"])
    for name in ("ray-job", "ray-crds"):
        package(Chart(ROOT / "charts" / name), tmp_path / "dist" / "charts")
    server = ThreadingHTTPServer(("127.0.0.1", 0), GitHub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(publish, "ROOT", checkout)
    monkeypatch.setattr(publish, "DIST", tmp_path / "dist")
    for name, value in {
        "GITHUB_REPOSITORY": "ours/charts",
        "CR_TOKEN": "token",
        "CR_GIT_BASE_URL": here,
        "CR_GIT_UPLOAD_URL": here,
        # as on a runner: nobody has said who commits
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    yield GitHub
    server.shutdown()
    server.server_close()


PERSON = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")


def index(tmp_path: Path) -> dict[str, list[dict]]:
    """The entries of the index that users read."""
    text = run(["git", "-C", tmp_path / "remote.git", "show", "gh-pages:index.yaml"]).stdout
    return dict(yaml.safe_load(text)["entries"])


def test_packages_become_releases_and_lines_of_the_index(
    github: type[GitHub], tmp_path: Path
) -> None:
    publish.index_charts()
    version = Chart(ROOT / "charts" / "ray-job").version
    name = f"ray-job-{version}"
    assert set(github.releases) == {name, f"ray-crds-{Chart(ROOT / 'charts/ray-crds').version}"}
    assert github.tokens == {"Bearer token"}
    commit = run(["git", "-C", tmp_path / "checkout", "rev-parse", "HEAD"]).stdout.strip()
    assert github.releases[name]["target_commitish"] == commit
    (entry,) = index(tmp_path)["ray-job"]
    assert entry["version"] == version
    assert entry["urls"] == [f"https://github.test/ours/charts/releases/download/{name}/{name}.tgz"]
    # the site's own files stay on the branch
    site = run(["git", "-C", tmp_path / "remote.git", "show", "gh-pages:index.html"]).stdout
    assert site == "the site"


def test_a_second_run_changes_nothing(github: type[GitHub], tmp_path: Path) -> None:
    publish.index_charts()
    before = index(tmp_path), json.dumps(github.releases)
    publish.index_charts()
    assert (index(tmp_path), json.dumps(github.releases)) == before


def test_without_the_branch_of_the_site_it_says_so(github: type[GitHub], tmp_path: Path) -> None:
    run(["git", "-C", tmp_path / "remote.git", "branch", "-D", "gh-pages"])
    with pytest.raises(UserError, match="gh-pages"):
        publish.index_charts()
    assert github.releases == {}
