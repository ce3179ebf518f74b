"""A commit happens once or not at all, whatever the network does on the way."""

import pytest
from huggingface_hub import HfApi

from tests.road.standin import MODEL
from training.hub_commit import Repo, RoadBlocked

FILES = {"model.keras": b"a new model", "metrics.json": b"{}", "README.md": b"---\nlicense: mit\n---\n"}


@pytest.fixture
def repo(hub) -> Repo:
    hub.create("models", MODEL)
    return Repo(HfApi(), "model", MODEL)


def at(kind: str, does, times: int = 1):
    """A fault: the first `times` requests of a kind get what `does` does to them."""
    left = [times]

    def fault(request):
        if kind in request.kind and left[0]:
            left[0] -= 1
            return does(request)
        return None

    return fault


def test_a_lost_answer_is_found_out_by_reading_back(hub, repo):
    hub.fault = at("POST /api/models/someone/digits/commit", lambda request: request.lose_the_answer())
    commit = repo.put(FILES, hub.model.head, "new")
    assert commit == hub.model.head
    assert hub.model.titles == ["initial commit", "new"]


TROUBLE = {"503": lambda request: request.fail(503), "reset": lambda request: request.reset()}
STEPS = ["preupload", "objects/batch", "PUT /lfs", "GET /api/models", "/tree/"]


@pytest.mark.parametrize(("kind", "does"), [*((step, "503") for step in STEPS), ("/commit/", "503"), ("/commit/", "reset")])
def test_trouble_in_the_middle_is_waited_out(hub, repo, kind, does):
    hub.fault = at(kind, TROUBLE[does])
    assert repo.put(FILES, repo.head(), "new") == hub.model.head
    assert hub.model.titles == ["initial commit", "new"]
    assert hub.model.files["model.keras"] == FILES["model.keras"]


def test_trouble_that_stays_ends_with_one_line_and_no_commit(hub, repo):
    hub.fault = at("/commit/", lambda request: request.fail(503), times=99)
    with pytest.raises(RoadBlocked, match=r"^the Hub answered 503 \(Service Unavailable\)$"):
        repo.put(FILES, hub.model.head, "new")
    assert hub.model.titles == ["initial commit"]


def test_of_two_at_once_the_second_is_told_to_run_again(hub, repo):
    def someone_is_faster(request):
        hub.model.commit("theirs", {"model.keras": b"theirs"})

    hub.fault = at("/commit/", someone_is_faster)
    with pytest.raises(RoadBlocked, match="someone else has changed someone/digits meanwhile"):
        repo.put(FILES, hub.model.head, "new")
    assert hub.model.titles == ["initial commit", "theirs"]
    assert hub.model.files == {"model.keras": b"theirs"}


def test_what_is_there_already_makes_no_commit(hub, repo):
    first = repo.put(FILES, hub.model.head, "new")
    assert repo.put(FILES, first, "again") == first
    assert repo.restore(first, first, "back") == first
    assert hub.model.titles == ["initial commit", "new"]


@pytest.mark.parametrize(
    ("token", "told"), [("hf_wrong", "create it, and check HF_TOKEN|token is not accepted"), ("hf_other", "may not write")]
)
def test_a_token_that_may_not_is_named(hub, repo, monkeypatch, token, told):
    hub.tokens["hf_other"] = "someone/else"
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(RoadBlocked, match=told):
        repo.put(FILES, hub.model.head, "new")
    assert hub.model.titles == ["initial commit"]
