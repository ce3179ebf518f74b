"""One commit on a repository of the Hub, exactly once, whatever the network does. publish.py and sync_space.py call it.

A commit is the only request that the Hub client does not repeat, since an answer that got lost would make two of it. So after every
failure the repository is read back: the files are there (the answer was lost), nothing has changed (try again), or someone was faster.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    BadRequestError,
    GatedRepoError,
    HfHubHTTPError,
    OIDCError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile

PAUSES = (1, 5, 15)  # seconds before the second, third and fourth try
HUBS_OWN = ".gitattributes"  # written by the Hub when it creates a repository; says which files are LFS files


class RoadBlocked(Exception):
    """A model or an app does not get further; the message says why and what to do."""


@dataclass(frozen=True)
class Repo:
    """One repository of the Hub: type "model" or "space", id "owner/name". Every method raises RoadBlocked."""

    api: HfApi
    type: str
    id: str

    def head(self) -> str | None:
        """Return the newest commit of main, None when there is no such repository."""
        try:
            return patiently(lambda: self.api.repo_info(self.id, repo_type=self.type).sha)
        except RoadBlocked as error:
            if isinstance(error.__cause__, RepositoryNotFoundError) and not isinstance(error.__cause__, GatedRepoError):
                return None
            raise

    def files(self, revision: str) -> dict[str, str]:
        """Return the files of a commit or tag: path -> what `names` gives for their bytes (the sha256 of LFS files, else git's sha1)."""
        tree = patiently(lambda: list(self.api.list_repo_tree(self.id, repo_type=self.type, revision=revision, recursive=True)))
        return {file.path: file.lfs.sha256 if file.lfs else file.blob_id for file in tree if isinstance(file, RepoFile)}

    def put(self, files: dict[str, bytes], parent: str, message: str, delete_others: bool = False) -> str:
        """Make these the repository's files in one commit on top of `parent`; return the commit, `parent` when nothing changes."""
        there = self.files(parent)
        changed = [path for path, data in files.items() if there.get(path) not in names(data)]
        gone = [path for path in there if path not in files and path != HUBS_OWN] if delete_others else []
        if not changed and not gone:
            return parent

        def operations() -> list:
            # Made anew for every try: the Hub client marks them as sent.
            return [CommitOperationAdd(path, files[path]) for path in changed] + [CommitOperationDelete(path) for path in gone]

        def arrived(now: dict[str, str]) -> bool:
            return all(now.get(path) in names(files[path]) for path in changed) and not now.keys() & set(gone)

        return self._commit(operations, arrived, parent, message)

    def restore(self, revision: str, parent: str, message: str) -> str:
        """Make the files of a former commit or tag current again, in one commit on top of `parent`; return it, or `parent`."""
        wanted, there = self.files(revision), self.files(parent)
        if wanted == there:
            return parent

        def operations() -> list:
            back = [CommitOperationCopy(path, path, src_revision=revision) for path in wanted if there.get(path) != wanted[path]]
            return back + [CommitOperationDelete(path) for path in there if path not in wanted]

        return self._commit(operations, wanted.__eq__, parent, message)

    def _commit(self, operations: Callable[[], list], arrived: Callable[[dict], bool], parent: str, message: str) -> str:
        for pause in (*PAUSES, None):
            try:
                options = {"repo_type": self.type, "parent_commit": parent, "commit_message": message}
                return self.api.create_commit(self.id, operations(), **options).oid
            except Exception as error:
                failure = error
            if isinstance(failure, ValueError | OIDCError):  # nothing was sent: the card's front matter, or no token
                raise RoadBlocked(in_words(failure)) from failure
            head = self.head()
            if head != parent:
                if arrived(self.files(head)):
                    return head
                raise RoadBlocked(
                    f"someone else has changed {self.id} meanwhile (it is at {head[:12]}, not {parent[:12]}); run this again"
                ) from failure
            if pause is None or not may_pass(failure):
                raise RoadBlocked(in_words(failure)) from failure
            time.sleep(pause)


def names(data: bytes) -> tuple[str, str]:
    """Return what the Hub may call these bytes: their sha256 as an LFS file, git's sha1 as any other."""
    return hashlib.sha256(data).hexdigest(), hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def patiently(ask: Callable):
    """Return what a request that may be repeated returns; it is, after trouble that may pass. Raises RoadBlocked."""
    for pause in (*PAUSES, None):
        try:
            return ask()
        except Exception as error:
            if pause is None or not may_pass(error):
                raise RoadBlocked(in_words(error)) from error
        time.sleep(pause)


def may_pass(error: Exception) -> bool:
    """Tell whether the trouble may be over in a few seconds: the connection broke, or the Hub says 429, 500 and the like."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in (412, 429) or error.response.status_code >= 500
    return isinstance(error, httpx2.TransportError) or isinstance(error.__cause__, httpx2.TransportError | HfHubHTTPError)


def in_words(error: Exception) -> str:
    """Return in one line why the Hub did not do it, and what to do."""
    if isinstance(error, RuntimeError) and error.__cause__:  # "Error while uploading" says not why
        error = error.__cause__
    match error:
        case OIDCError():
            return f"no token without a key: {_line(error)}"
        case GatedRepoError() | RepositoryNotFoundError():
            return "the Hub has no such repository, or the token may not see it: create it, and check HF_TOKEN or its Trusted Publisher"
        case RevisionNotFoundError():
            return "the repository has no such tag or commit"
        case BadRequestError():
            return f"the Hub refused it: {error.server_message or _line(error)}"
        case HfHubHTTPError():
            said = {401: "the token is not accepted", 403: "the token may not write there", 429: "too many requests; try again in an hour"}
            status = error.response.status_code
            return f"the Hub answered {status} ({said.get(status, error.response.reason_phrase)})"
        case httpx2.TransportError():
            return f"the Hub cannot be reached ({_line(error)})"
        case _:
            return _line(error)


def _line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]
