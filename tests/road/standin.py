"""A stand-in Hub that is written to: repositories, LFS uploads, commits, tags, Spaces that build and run, and tokens for CI jobs.

It speaks to the real huggingface_hub client, and refuses what the Hub refuses: no or a wrong token, a commit whose parent is not the
newest one, an LFS file that was not uploaded, bytes that have another checksum. The reading side and the faults are those of tests/hub.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub.standin import Handler, StandIn

OWNER = "hf_of_the_owner"
JOB = "id-token-of-the-job"
MODEL, SPACE = "someone/digits", "someone/digits-space"
LFS = (".keras", ".h5", ".png")


@dataclass
class Stored:
    """A repository: commits, the newest last, as (hash, title, files); tags, by name."""

    commits: list[tuple[str, str, dict[str, bytes]]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def head(self) -> str:
        return self.commits[-1][0]

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[-1][2]

    @property
    def titles(self) -> list[str]:
        return [title for _, title, _ in self.commits]

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        revision = {"main": self.head, **self.tags}.get(revision, revision)
        return next(((commit, files) for commit, _, files in self.commits if commit == revision), None)

    def commit(self, title: str, files: dict[str, bytes]) -> str:
        commit = hashlib.sha1(repr((id(self), len(self.commits))).encode(), usedforsecurity=False).hexdigest()
        self.commits.append((commit, title, files))
        return commit


class Hub(StandIn):
    """repos: by "models/owner/name" or "spaces/owner/name". tokens: what each may write, "" for all. trusted: what CI jobs may write.

    build: called with the files of a Space's new commit, returns the stage it has got to and the address where it runs.
    """

    def __init__(self):
        super().__init__(handler=Requests)
        self.repos: dict[str, Stored] = {}
        self.tokens = {OWNER: ""}
        self.trusted: set[str] = set()
        self.build: Callable[[dict], tuple[str, str]] = lambda files: ("RUNNING", self.url)
        self.runs: dict[str, dict] = {}  # runtime of each Space
        self.hosts: dict[str, str] = {}

    @property
    def model(self) -> Stored:
        return self.repos[f"models/{MODEL}"]

    @property
    def space(self) -> Stored:
        return self.repos[f"spaces/{SPACE}"]

    def create(self, kind: str, repo_id: str, **files: bytes) -> Stored:
        """Make a repository as the Hub does, with a first commit of its own."""
        stored = self.repos[f"{kind}/{repo_id}"] = Stored()
        stored.commit("initial commit", {".gitattributes": b"*.keras filter=lfs\n", **files})
        return stored

    def runtime(self, space: str) -> dict:
        """Return the Space's state: after a commit first still the former, then building, then what `build` says to the end."""
        newest = self.repos[f"spaces/{space}"]
        runs = self.runs.setdefault(space, {"stage": "NO_APP_FILE", "sha": None, "builds": newest.commits[0][0]})
        told = dict(runs)
        if runs["builds"] != newest.head:
            runs |= {"stage": "BUILDING", "builds": newest.head}
        elif runs["stage"] in ("BUILDING", "APP_STARTING"):
            runs["stage"], self.hosts[space] = self.build(newest.files)
            runs["sha"] = newest.head
            told = dict(runs)
        return {**told, "hardware": {"current": "cpu-basic", "requested": "cpu-basic"}, "storage": None}


class Requests(Handler):
    server: Hub
    muted = False

    def log_message(self, *told) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        self.answer()

    do_PUT = do_POST

    def answer(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.where = unquote(urlsplit(self.path).path)
        self.kind = f"{self.command} {self.where}"
        self.server.requests.append(self.kind)
        if not (self.server.fault and self.server.fault(self)):
            self.route()

    def route(self) -> bool:
        asked = "GET" if self.command == "HEAD" else self.command
        for (command, pattern), does in ROUTES.items():
            if command == asked and (match := re.fullmatch(pattern, self.where)):
                return does(self, *match.groups())
        return self.fail(404, "EntryNotFound", f"The stand-in does not know {self.kind}")

    def wake(self, space: str) -> bool:
        """Start a sleeping Space, as a visit to its address does."""
        self.server.runs[space]["stage"] = "APP_STARTING"
        return self.send(200, {}, b"preparing")

    def lose_the_answer(self) -> bool:
        """Do what is asked, then break the connection."""
        self.muted = True
        self.route()
        return self.reset()

    def send(self, status: int, headers: dict, body: bytes = b"", length: int | None = None) -> bool:
        return self.muted or super().send(status, headers, body, length)

    def say(self, value, status: int = 200) -> bool:
        return self.send(status, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def may_write(self, repo: str) -> bool:
        """Tell whether the token may write the repository; if not, say so to the client."""
        scope = self.server.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        if scope is None:
            return not self.fail(401, message="Invalid credentials in Authorization header")
        if scope not in ("", repo.removeprefix("models/")):
            return not self.fail(403, message=f"This token may write {scope} only")
        return True

    def stored(self, repo: str, revision: str = "main") -> tuple[Stored, str, dict[str, bytes]] | None:
        """Return a repository and one of its commits; if there is none, say so to the client."""
        stored = self.server.repos.get(repo)
        if not stored:
            return self.fail(404, "RepoNotFound", "Repository not found") and None
        if not (found := stored.at(revision)):
            return self.fail(404, "RevisionNotFound", f"Invalid rev id: {revision}") and None
        return stored, *found

    # Reading

    def info(self, repo: str, revision: str | None) -> bool:
        if not (found := self.stored(repo, revision or "main")):
            return False
        _, commit, files = found
        told = {"id": repo.partition("/")[2], "sha": commit, "siblings": [{"rfilename": path} for path in files], "private": False}
        if repo.startswith("spaces/"):
            space = repo.removeprefix("spaces/")
            told |= {"runtime": self.server.runtime(space), "host": self.server.hosts.get(space)}
        return self.say(told)

    def space_runtime(self, space: str) -> bool:
        return self.say(self.server.runtime(space))

    def refs(self, repo: str) -> bool:
        if not (found := self.stored(repo)):
            return False
        tags = [{"name": name, "ref": f"refs/tags/{name}", "targetCommit": commit} for name, commit in found[0].tags.items()]
        main = {"name": "main", "ref": "refs/heads/main", "targetCommit": found[1]}
        return self.say({"branches": [main], "converts": [], "tags": tags})

    def tree(self, repo: str, revision: str) -> bool:
        found = self.stored(repo, revision)
        return bool(found) and self.say([described(path, data) for path, data in found[2].items()])

    def paths_info(self, repo: str, revision: str) -> bool:
        found, asked = self.stored(repo, revision), parse_qs(self.body.decode())["paths"]
        return bool(found) and self.say([described(path, data) for path, data in found[2].items() if path in asked])

    def file(self, repo: str, revision: str, path: str) -> bool:
        if not (found := self.stored(repo if repo.startswith("spaces/") else f"models/{repo}", revision)):
            return False
        _, commit, files = found
        if path not in files:
            return self.fail(404, "EntryNotFound", "Entry not found", commit)
        told = described(path, files[path])
        if "lfs" in told:
            sha256 = told["lfs"]["oid"]
            self.server.blobs[sha256] = files[path]
            self.redirect(commit, sha256, len(files[path]), f"http://localhost:{self.server.server_port}/cdn/{sha256}")
            return True
        return self.send(200, {"X-Repo-Commit": commit, "ETag": f'"{told["oid"]}"'}, files[path])

    def cdn(self, sha256: str) -> bool:
        return self.send(200, {}, self.server.blobs[sha256])

    # Writing

    def create(self) -> bool:
        asked = json.loads(self.body)
        repo = f"{asked.get('type', 'model')}s/{asked['organization']}/{asked['name']}"
        if not self.may_write(repo):
            return False
        if repo in self.server.repos:
            return self.say({"error": "You already created this repo", "url": f"{self.server.url}/{repo}"}, 409)
        self.server.create(*repo.split("/", 1))
        return self.say({"url": f"{self.server.url}/{repo.removeprefix('models/')}"})

    def validate_yaml(self) -> bool:
        content = json.loads(self.body)["content"]
        good = content.startswith("---\n") and "\n---\n" in content
        return self.say({"errors": [] if good else [{"message": "no front matter"}], "warnings": []}, 200 if good else 400)

    def preupload(self, repo: str, revision: str) -> bool:
        if not (found := self.stored(repo, revision)) or not self.may_write(repo):
            return False
        asked = json.loads(self.body)["files"]
        modes = [{"path": f["path"], "uploadMode": "lfs" if f["path"].endswith(LFS) else "regular", "shouldIgnore": False} for f in asked]
        for mode in modes:
            told = described(mode["path"], found[2].get(mode["path"], b""))
            mode["oid"] = (told["lfs"]["oid"] if "lfs" in told else told["oid"]) if mode["path"] in found[2] else None
        return self.say({"files": modes})

    def lfs_batch(self, repo: str) -> bool:
        repo = repo if repo.startswith("spaces/") else f"models/{repo}"
        if not self.may_write(repo):
            return False
        objects = json.loads(self.body)["objects"]
        for asked in objects:
            if asked["oid"] not in self.server.blobs:
                asked["actions"] = {"upload": {"href": f"{self.server.url}/lfs/{asked['oid']}"}}
        return self.say({"transfer": "basic", "objects": objects})

    def lfs_upload(self, oid: str) -> bool:
        if hashlib.sha256(self.body).hexdigest() != oid:
            return self.fail(400, message="The bytes have another checksum")
        self.server.blobs[oid] = self.body
        return self.send(200, {})

    def commit(self, repo: str, revision: str) -> bool:
        if not (found := self.stored(repo, revision)) or not self.may_write(repo):
            return False
        stored, head, files = found
        files = dict(files)
        header, *operations = [json.loads(line) for line in self.body.splitlines()]
        if header["value"].get("parentCommit", head) != head:
            return self.fail(412, message="A commit has happened since. Please refresh and try again.")
        stored_before = {
            described(path, data)["lfs"]["oid"]: data for _, _, old in stored.commits for path, data in old.items() if path.endswith(LFS)
        }
        uploaded = self.server.blobs | stored_before
        for operation in operations:
            value = operation["value"]
            match operation["key"]:
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    if value["oid"] not in uploaded:
                        return self.fail(400, message=f"The LFS file {value['path']} was not uploaded")
                    files[value["path"]] = uploaded[value["oid"]]
                case "deletedFile":
                    del files[value["path"]]
        commit = stored.commit(header["value"]["summary"], files)
        return self.say({"success": True, "commitOid": commit, "commitUrl": f"{self.server.url}/{repo}/commit/{commit}"})

    def tag(self, repo: str, revision: str) -> bool:
        if not (found := self.stored(repo, revision)) or not self.may_write(repo):
            return False
        name = json.loads(self.body)["tag"]
        if name in found[0].tags:
            return self.fail(409, message=f"Tag {name} exists already")
        found[0].tags[name] = found[1]
        return self.say({})

    # Tokens for CI jobs

    def id_token(self) -> bool:
        audience = parse_qs(urlsplit(self.path).query)["audience"] == [self.server.url]
        good = audience and self.headers.get("Authorization") == "Bearer of-the-job"
        return self.say({"value": JOB}) if good else self.fail(401)

    def exchange(self) -> bool:
        asked = json.loads(self.body)
        if asked["subject_token"] != JOB or asked["resource"] not in self.server.trusted:
            return self.say({"error": "invalid_grant", "error_description": "No trusted publisher matches"}, 400)
        token = f"hf_jwt_{len(self.server.tokens)}"
        self.server.tokens[token] = asked["resource"]
        return self.say({"access_token": token, "token_type": "bearer", "expires_in": 3600})


REPO = r"((?:models|spaces)/[^/]+/[^/]+)"
BARE = r"((?:spaces/)?[^/]+/[^/]+?)"  # in addresses outside of /api, models have no prefix
ROUTES = {
    ("GET", rf"/api/{REPO}(?:/revision/(.+))?"): Requests.info,
    ("GET", r"/api/spaces/([^/]+/[^/]+)/runtime"): Requests.space_runtime,
    ("GET", rf"/api/{REPO}/refs"): Requests.refs,
    ("GET", rf"/api/{REPO}/tree/([^/]+)"): Requests.tree,
    ("POST", rf"/api/{REPO}/paths-info/(.+)"): Requests.paths_info,
    ("GET", rf"/{BARE}/resolve/([^/]+)/(.+)"): Requests.file,
    ("GET", r"/cdn/(\w+)"): Requests.cdn,
    ("POST", r"/api/repos/create"): Requests.create,
    ("POST", r"/api/validate-yaml"): Requests.validate_yaml,
    ("POST", rf"/api/{REPO}/preupload/(.+)"): Requests.preupload,
    ("POST", rf"/{BARE}\.git/info/lfs/objects/batch"): Requests.lfs_batch,
    ("PUT", r"/lfs/(\w+)"): Requests.lfs_upload,
    ("POST", rf"/api/{REPO}/commit/(.+)"): Requests.commit,
    ("POST", rf"/api/{REPO}/tag/(.+)"): Requests.tag,
    ("GET", r"/id-token"): Requests.id_token,
    ("GET", r"/asleep/([^/]+/[^/]+)"): Requests.wake,
    ("POST", r"/oauth/token"): Requests.exchange,
}


def described(path: str, data: bytes) -> dict:
    """Return what the Hub tells of a file in a listing."""
    sha1 = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    told = {"type": "file", "path": path, "size": len(data), "oid": sha1}
    if path.endswith(LFS):
        told["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return told
