"""The Hub as the child asks it: which commit a revision stands for, and the files of that commit. model_file.py calls it.

An answer is trusted only as far as it proves itself: sizes are capped, and the bytes must have the checksum that the Hub names.
"""

import contextlib
import errno
import hashlib
import re
import time
from pathlib import Path

import httpx2
from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name

FILE = "model.keras"
METRICS = "metrics.json"
MAX_FILE_BYTES = 150_000_000  # of model.keras; ours has 1.9 MB, and 20 million parameters with their optimizer's state would fit
ASK_SECONDS = 8  # for one answer to the question which commit is there
PAUSES = (0.5, 1.5)  # seconds before the second and the third try, when the Hub has a short trouble
ABANDONED = 3600  # seconds after its last byte, a part of a download is one that was ended
CLIENT = "handwritten-digits"  # in the user agent

_COMMIT = re.compile("[0-9a-f]{40}")


class HubError(Exception):
    """The Hub, or the way to it, did not give the model; the message says why and what to do."""


class Hub:
    """One revision of one repository. Every method raises HubError."""

    def __init__(self, repo_id: str, revision: str, spare: Path):
        """spare: a folder for the downloads when the Hub client's own cache cannot be written to."""
        self.repo_id, self.revision, self.spare = repo_id, revision, spare

    def ask(self) -> tuple[str, str]:
        """Return the commit the revision stands for now, 40 hex digits, and the checksum of its model: one request if all is well."""
        return self._with_patience(self._ask)

    def fetch(self, commit: str, etag: str) -> tuple[Path, str]:
        """Download a commit's model, and its metrics beside it when it has some; return the model's path and sha256."""
        return self._with_patience(self._fetch, commit, etag)

    def cached(self) -> tuple[str, Path] | None:
        """Return commit and path of the copy that the Hub client's cache holds of the revision, if it does. No request."""
        path = try_to_load_from_cache(self.repo_id, FILE, revision=self.revision)
        return (Path(path).parent.name, Path(path)) if isinstance(path, str) else None

    def _with_patience(self, step, *args):
        for pause in (*PAUSES, None):
            try:
                return step(*args)
            except HubError:
                raise
            except Exception as error:
                if pause is None or not _may_pass(error):
                    raise HubError(self._in_words(error)) from error
                time.sleep(pause)

    def _ask(self) -> tuple[str, str]:
        url = hf_hub_url(self.repo_id, FILE, revision=self.revision)
        answer = get_hf_file_metadata(url, timeout=ASK_SECONDS, library_name=CLIENT)
        if not _COMMIT.fullmatch(answer.commit_hash or "") or not answer.etag:
            raise HubError("what answered is not the Hub (a login page of the network, or a wrong HF_ENDPOINT?)")
        if (answer.size or 0) > MAX_FILE_BYTES:
            raise HubError(f"{FILE} has {answer.size:,} bytes, more than the {MAX_FILE_BYTES:,} allowed")
        return answer.commit_hash, answer.etag

    def _fetch(self, commit: str, etag: str) -> tuple[Path, str]:
        self._sweep()
        for again in (False, True):  # the second time past the cache, which may hold garbage
            path = self._download(FILE, commit, again)
            sha256 = proven_sha256(path, etag)
            if sha256:
                with contextlib.suppress(Exception):  # a model without figures is served as well
                    self._download(METRICS, commit)
                return path, sha256
        raise HubError(f"the bytes of {FILE} are not those whose checksum the Hub names")

    def _sweep(self) -> None:
        """Remove what downloads left that were ended: the Hub client begins each anew, under another name."""
        parts = Path(HF_HUB_CACHE, repo_folder_name(repo_id=self.repo_id, repo_type="model"), "blobs").glob("*.incomplete")
        with contextlib.suppress(OSError):
            for part in parts:
                if time.time() - part.stat().st_mtime > ABANDONED:
                    part.unlink()

    def _download(self, name: str, commit: str, again: bool = False) -> Path:
        options = {"revision": commit, "force_download": again, "etag_timeout": ASK_SECONDS, "library_name": CLIENT}
        try:
            return Path(hf_hub_download(self.repo_id, name, **options))
        except OSError as error:
            if error.errno in (None, errno.EFBIG):  # the Hub client's own errors are OSErrors too
                raise
            return Path(hf_hub_download(self.repo_id, name, cache_dir=self.spare, **options))

    def _in_words(self, error: Exception) -> str:
        """Return why there is no model, for people. The Hub client wraps what happened into "not in the cache": look inside."""
        if isinstance(error, LocalEntryNotFoundError) and error.__cause__ is not None:
            error = error.__cause__
        match error:
            case OfflineModeIsEnabled():
                return "HF_HUB_OFFLINE is set, so the Hub is not asked"
            case GatedRepoError():
                return f"{self.repo_id} is gated: ask for access on its page and set HF_TOKEN"
            case RepositoryNotFoundError():
                return f"the Hub has no repository {self.repo_id}, or it is private: set MODEL_REPO_ID, or HF_TOKEN for a private one"
            case RevisionNotFoundError():
                return f"{self.repo_id} has no revision {self.revision}: set MODEL_REVISION"
            case EntryNotFoundError():
                return f"{self.repo_id}@{self.revision} has no {FILE}"
            case HfHubHTTPError():
                said = {401: "the token is not accepted", 403: "access denied", 429: "too many requests"}
                status = error.response.status_code
                return f"the Hub answered {status} ({said.get(status, error.response.reason_phrase)})"
            case httpx2.TimeoutException():
                return "the Hub did not answer in time"
            case httpx2.TransportError():
                return f"the Hub cannot be reached ({error})"
            case OSError(errno=errno.EFBIG):
                return "the download is larger than allowed"
            case OSError(errno=errno.ENOSPC | errno.EDQUOT):
                return "the disk is full"
            case OSError(errno=int()):
                return f"the download cannot be stored ({error.strerror})"
            case _:
                return f"the download failed ({type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]})"


def _may_pass(error: Exception) -> bool:
    """Tell whether the trouble may be over in a second: the connection broke, or the Hub says 500 and the like."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code >= 500
    return isinstance(error, httpx2.TransportError) and not isinstance(error, httpx2.TimeoutException)


def proven_sha256(path: Path, etag: str) -> str | None:
    """Return the sha256 of a file if the etag names its bytes, else None: the etag of an LFS file is its sha256, of others git's sha1."""
    data = path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    git_sha1 = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    return sha256 if etag in (sha256, git_sha1) else None
