"""What the settings make of the environment."""

import os
from pathlib import Path

import pytest

from digit_model.settings import DEFAULT_REPO_ID, Settings, SettingsError


def test_nothing_need_be_set():
    settings = Settings.from_env({})
    assert settings == Settings()
    assert settings.model_path is None
    assert settings.model_repo_id == DEFAULT_REPO_ID == "NhanPhamThanh-IT/handwritten-digits"
    assert settings.model_revision == "main"
    assert settings.model_refresh_seconds == 600
    assert settings.port == 7860
    assert settings.debug is False
    assert settings.hf_home == Path.home() / ".cache" / "huggingface"


def test_an_empty_variable_counts_as_not_set():
    assert Settings.from_env({"MODEL_PATH": "", "MODEL_REPO_ID": " ", "GRADIO_PORT": "", "DEBUG": "", "HF_HOME": ""}) == Settings()


def test_each_variable_sets_its_setting(tmp_path):
    settings = Settings.from_env(
        {
            "MODEL_PATH": str(tmp_path / "own.keras"),
            "MODEL_REPO_ID": "someone/keras-mnist",
            "MODEL_REVISION": "v2.1",
            "MODEL_REFRESH_SECONDS": "0",
            "GRADIO_PORT": "8001",
            "DEBUG": "true",
            "HF_HOME": str(tmp_path),
        }
    )
    assert settings.model_path == tmp_path / "own.keras"
    assert settings.model_repo_id == "someone/keras-mnist"
    assert settings.model_revision == "v2.1"
    assert settings.model_refresh_seconds == 0
    assert settings.port == 8001
    assert settings.debug is True
    assert settings.hf_home == tmp_path


@pytest.mark.parametrize(
    ("environ", "port"),
    [
        ({"GRADIO_PORT": "8001", "GRADIO_SERVER_PORT": "8002"}, 8001),
        ({"GRADIO_PORT": "", "GRADIO_SERVER_PORT": "8002"}, 8002),
        ({"GRADIO_SERVER_PORT": "8002"}, 8002),
    ],
)
def test_our_port_comes_before_gradios_own(environ, port):
    assert Settings.from_env(environ).port == port


def test_paths_become_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert Settings.from_env({"MODEL_PATH": "models/a.keras"}).model_path == tmp_path / "models" / "a.keras"
    assert Settings.from_env({"HF_HOME": "~/hf"}).hf_home == tmp_path / "home" / "hf"
    assert Settings.from_env({"XDG_CACHE_HOME": "/cache"}).hf_home == Path("/cache/huggingface")


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("MODEL_REPO_ID", "no-owner", "owner/name"),
        ("MODEL_REPO_ID", "../../etc/passwd", "owner/name"),
        ("MODEL_REVISION", "main\nevil", "a branch, a tag or a commit hash"),
        ("MODEL_REFRESH_SECONDS", "ten", "a whole number from 0 to 604800"),
        ("MODEL_REFRESH_SECONDS", "-1", "a whole number from 0 to 604800"),
        ("MODEL_REFRESH_SECONDS", "1.5", "a whole number from 0 to 604800"),
        ("GRADIO_PORT", "70000", "a whole number from 1 to 65535"),
        ("GRADIO_SERVER_PORT", "http", "a whole number from 1 to 65535"),
        ("DEBUG", "maybe", "1 or 0"),
    ],
)
def test_a_wrong_value_is_named_in_one_line_with_what_is_allowed(name, value, allowed):
    with pytest.raises(SettingsError) as error:
        Settings.from_env({name: value})
    message = str(error.value)
    assert message == f"{name}={value!r} is not allowed; set it to {allowed}."
    assert "\n" not in message


def test_a_dotenv_file_is_read_but_never_overrules_the_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text('GRADIO_PORT=8001\nMODEL_REVISION="v1"\nHF_TOKEN=hf_secret\n')
    monkeypatch.setenv("MODEL_REVISION", "v2")
    for name in ("GRADIO_PORT", "HF_TOKEN"):  # set and unset, so that both are as before at the end
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    settings = Settings.from_env()
    assert settings.port == 8001
    assert settings.model_revision == "v2"


def test_the_token_of_a_dotenv_file_reaches_the_hub_client(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("HF_TOKEN=hf_secret\n")
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.delenv("HF_TOKEN")
    Settings.from_env()
    assert os.environ.items() >= {("HF_TOKEN", "hf_secret")}
