"""What the environment, or a `.env` file in the working folder, says. The one place that reads it; values are passed on from here."""

import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import load_dotenv

DEFAULT_REPO_ID = "NhanPhamThanh-IT/handwritten-digits"
DEFAULT_PORT = 7860  # Gradio's and Spaces' own
LOOPBACK = "127.0.0.1"
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of the container, microseconds of processors in a period of so many
TEMPORARY = "handwritten-digits"  # the name of the folder for temporary files

_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]*")
_ADDRESS = re.compile(r"[A-Za-z0-9][\w.-]*")
_ROOT_PATH = re.compile(r"((https?://[\w.:-]+)?(/[\w.~-]+)+)?")


class SettingsError(ValueError):
    """A variable has a value that is not allowed; the message is one line that names variable, value and what is allowed."""


def processors() -> int:
    """Return how many processors this process may use: those it is bound to, fewer where a container's quota is less."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    with suppress(OSError, ValueError):  # no Linux, or no quota, which reads "max 100000"
        quota, period = map(int, QUOTA.read_text().split())
        count = min(count, -(-quota // period))
    return count


@dataclass(frozen=True)
class Settings:
    """All settings of the app. Made once, at the edge: `Settings.from_env()`."""

    model_path: Path | None = None  # serve this file and ask no Hub
    model_repo_id: str = DEFAULT_REPO_ID
    model_revision: str = "main"  # a branch or tag is followed, a full commit hash is not
    model_refresh_seconds: int = 600  # 0 = ask the Hub only at the start
    port: int = DEFAULT_PORT
    server_name: str = LOOPBACK  # the address that is listened on; 0.0.0.0 = all of this machine's
    root_path: str = ""  # the sub-path under which a proxy shows the app
    debug: bool = False
    hf_home: Path = Path.home() / ".cache" / "huggingface"  # the Hub client's own folder; the last good model is kept in it
    max_file_bytes: int = 25_000_000
    max_pixels: int = 50_000_000
    max_files: int = 1_000  # of one call
    max_call_bytes: int = 150_000_000
    max_points: int = 100_000  # of one drawing
    max_strokes: int = 300  # of one drawing
    max_held_bytes: int = 500_000_000  # of all requests together that are being received or answered
    max_waiting: int = 256  # readings that wait for a thread; Gradio's own queue is as long
    threads: int = field(default_factory=processors)  # that read

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Return the settings of a mapping, by default of the environment after `.env`, which never overrules it. Raises SettingsError.

        An empty variable counts as not set.
        """
        if environ is None:
            # Into the environment, so that the Hub client sees HF_TOKEN, HF_HOME and its other variables too.
            load_dotenv(Path(".env"))
            for name in ("HF_HOME", "GRADIO_TEMP_DIR"):  # the Hub client and Gradio would take an empty one for the working folder
                if not os.environ.get(name, "set").strip():
                    del os.environ[name]
            # Gradio's temporary files in a folder of our own, wherever that is: all old ones are deleted there (web/cleaning.py).
            temporary = Path(os.environ.get("GRADIO_TEMP_DIR", tempfile.gettempdir()))
            os.environ["GRADIO_TEMP_DIR"] = str(temporary if temporary.name == TEMPORARY else temporary / TEMPORARY)
            environ = os.environ
        env = {name: value.strip() for name, value in environ.items() if value.strip()}
        path = env.get("MODEL_PATH")
        cache = env.get("HF_HOME") or Path(env.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
        return cls(
            model_path=_absolute(path) if path else None,
            model_repo_id=_matching(env, "MODEL_REPO_ID", cls.model_repo_id, _REPO_ID, "owner/name"),
            model_revision=_matching(env, "MODEL_REVISION", cls.model_revision, _REVISION, "a branch, a tag or a commit hash"),
            model_refresh_seconds=_number(env, "MODEL_REFRESH_SECONDS", cls.model_refresh_seconds, 0, 7 * 24 * 3600),
            port=_number(env, "GRADIO_PORT" if "GRADIO_PORT" in env else "GRADIO_SERVER_PORT", cls.port, 1, 65535),
            server_name=_matching(
                env, "GRADIO_SERVER_NAME", cls.server_name, _ADDRESS, "an IPv4 address or name of this machine, or 0.0.0.0 for all"
            ),
            root_path=_matching(env, "GRADIO_ROOT_PATH", cls.root_path, _ROOT_PATH, "a path like /digits, or an address that ends in one"),
            debug=_yes_or_no(env, "DEBUG", cls.debug),
            hf_home=_absolute(cache),
        )


def _absolute(path: str | Path) -> Path:
    return Path(os.path.expandvars(path)).expanduser().absolute()


def _matching(env: Mapping[str, str], name: str, default: str, pattern: re.Pattern, allowed: str) -> str:
    value = env.get(name, default)
    if not pattern.fullmatch(value):
        raise SettingsError(f"{name}={value!r} is not allowed; set it to {allowed}.")
    return value


def _number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    value = env.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
        raise SettingsError(f"{name}={value!r} is not allowed; set it to a whole number from {low} to {high}.")
    return int(value)


def _yes_or_no(env: Mapping[str, str], name: str, default: bool) -> bool:
    value = env.get(name, str(default)).lower()
    if value not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
        raise SettingsError(f"{name}={env[name]!r} is not allowed; set it to 1 or 0.")
    return value in ("1", "true", "yes", "on")
