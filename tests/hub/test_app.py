"""The real app, started while the Hub does its worst: it answers right, soon, and /health says why it is not the Hub's model."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest
import requests

from tests.conftest import App, running_app
from tests.hub.conftest import eventually
from tests.hub.standin import REPO
from tests.hub.test_faults import FAULTS

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def both_apps(home, older_home, tmp_path) -> Callable[[], AbstractContextManager[dict[str, App]]]:
    """Run two apps, from an empty cache and with an older good model in place; they come by the source of the model they have."""
    homes = {"bundled": home, "cache": older_home}

    @contextmanager
    def both() -> Iterator[dict[str, App]]:
        with ExitStack() as running, ThreadPoolExecutor(2) as pool:

            def start(source: str) -> App:
                folder = tmp_path / source
                folder.mkdir(exist_ok=True)
                settings = {"HF_HOME": str(homes[source]), "MODEL_REPO_ID": REPO, "MODEL_PATH": "", "MODEL_REFRESH_SECONDS": "1"}
                return running.enter_context(running_app(folder, **settings))

            yield dict(zip(homes, pool.map(start, homes), strict=True))

    return both


def health(app: App) -> dict:
    return requests.get(f"{app.url}/health", timeout=10).json()


def reads(app: App, drawing: list) -> tuple[str, str, str | None]:
    """Return what an app reads, and source and revision of the model that read it."""
    reading = requests.post(f"{app.url}/predict", json={"strokes": drawing}, timeout=30).json()
    return reading["text"], reading["model"]["source"], reading["model"]["revision"]


def test_the_app_starts_follows_and_starts_again_whatever_the_hub_does(both_apps, hub, zoo, seven):
    """First a download fails; then, at the next start, the Hub does not answer for a while."""
    older, newest = hub.commit(zoo.bytes("better")), hub.commit(zoo.bytes("no_channel"))
    for name in ("CDN 503", "hanging"):
        hub.fault, reason = FAULTS[name]
        with both_apps() as apps:
            for source, app in apps.items():
                assert app.delay < 20
                assert reads(app, seven) == ("7", source, older if source == "cache" else None)
                eventually(lambda: re.search(reason, health(app)["last_error"] or ""))  # noqa: B023
            if name == "hanging":
                hub.released.set()
                hub.fault = None
                for app in apps.values():
                    eventually(lambda: health(app)["model"]["revision"] == newest)  # noqa: B023
                    assert reads(app, seven) == ("7", "hub", newest)
                    assert health(app)["last_error"] is None
