"""What the settings make of the environment."""

import os
import re
from dataclasses import fields
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values

from digit_model.settings import DEFAULT_REPO_ID, Settings, SettingsError

ROOT = Path(__file__).parents[2]


def test_nothing_need_be_set():
    settings = Settings.from_env({})
    assert settings == Settings()
    assert settings.model_path is None
    assert settings.model_repo_id == DEFAULT_REPO_ID == "NhanPhamThanh-IT/handwritten-digits"
    assert settings.model_revision == "main"
    assert settings.model_refresh_seconds == 600
    assert settings.port == 7860
    assert settings.server_name == "127.0.0.1"
    assert settings.root_path == ""
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
            "GRADIO_SERVER_NAME": "192.168.1.7",
            "GRADIO_ROOT_PATH": "/tools/digits",
            "DEBUG": "true",
            "HF_HOME": str(tmp_path),
        }
    )
    assert settings.model_path == tmp_path / "own.keras"
    assert settings.model_repo_id == "someone/keras-mnist"
    assert settings.model_revision == "v2.1"
    assert settings.model_refresh_seconds == 0
    assert settings.port == 8001
    assert settings.server_name == "192.168.1.7"
    assert settings.root_path == "/tools/digits"
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
        ("GRADIO_SERVER_NAME", "http://0.0.0.0", "an IPv4 address or name of this machine, or 0.0.0.0 for all"),
        ("GRADIO_SERVER_NAME", "::1", "an IPv4 address or name of this machine, or 0.0.0.0 for all"),
        ("GRADIO_ROOT_PATH", "digits", "a path like /digits, or an address that ends in one"),
        ("GRADIO_ROOT_PATH", "/digits/", "a path like /digits, or an address that ends in one"),
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


def test_what_is_empty_is_not_set_for_the_hub_client_and_gradio_either(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("HF_HOME=\nGRADIO_TEMP_DIR=\n")
    for name in ("HF_HOME", "GRADIO_TEMP_DIR"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    assert Settings.from_env().hf_home == Settings().hf_home
    assert "HF_HOME" not in os.environ
    assert Path(os.environ["GRADIO_TEMP_DIR"]).is_absolute()


def test_temporary_files_have_a_folder_of_their_own_in_the_one_that_is_named(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    for _ in range(2):
        Settings.from_env()
        assert os.environ["GRADIO_TEMP_DIR"] == str(tmp_path / "handwritten-digits")


@pytest.mark.parametrize(("quota", "most"), [("50000 100000", 1), ("150000 100000", 2), ("max 100000", 10**6), ("", 10**6)])
def test_no_more_threads_read_than_a_container_may_use_processors(monkeypatch, tmp_path, quota, most):
    monkeypatch.setattr("digit_model.settings.QUOTA", tmp_path / "cpu.max")
    if quota:
        (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert Settings().threads == min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(), most)


EXAMPLE = dotenv_values(stream=StringIO(re.sub(r"(?m)^#(?=[A-Z])", "", (ROOT / ".env.example").read_text(encoding="utf-8"))))
READ = set(re.findall(r'"([A-Z][A-Z_]{3,})"', (ROOT / "digit_model" / "settings.py").read_text(encoding="utf-8")))


def test_the_example_of_a_dotenv_file_names_every_setting_and_changes_nothing():
    others = {"GRADIO_SERVER_PORT", "XDG_CACHE_HOME", "GRADIO_TEMP_DIR"}  # of Gradio and of the system, heeded as well
    assert set(EXAMPLE) == READ - others | {"HF_TOKEN"}
    assert Settings.from_env(EXAMPLE) == Settings()
    assert dotenv_values(ROOT / ".env.example") == {}
    assert EXAMPLE["HF_TOKEN"] == ""


def test_the_readme_tells_every_setting_and_its_default():
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Settings")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^\| `(\w+)` \|\s*`?([^|`]*?)`?\s*\|", section, re.M))
    assert set(told) == set(EXAMPLE)
    assert all(told[name] == value for name, value in EXAMPLE.items())


def test_the_docs_tell_every_limit_and_its_default():
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8").partition("## Limits")[2]
    told = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", page, re.M))
    limits = {field.name: field.default for field in fields(Settings) if field.name.startswith("max_")}
    assert told.pop("threads") == "one for each processor"
    assert told == {name: f"{value:,}" for name, value in limits.items()}


def test_the_token_of_a_dotenv_file_reaches_the_hub_client(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("HF_TOKEN=hf_secret\n")
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.delenv("HF_TOKEN")
    Settings.from_env()
    assert os.environ.items() >= {("HF_TOKEN", "hf_secret")}
