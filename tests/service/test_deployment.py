"""What docs/deployment.md promises: the Dockerfile's very steps in a fresh folder, the Procfile's line, and the app behind a real nginx.

No container engine is needed. The folder stands for the image's root; the packages are those of this Python, as an install takes minutes.
"""

import json
import os
import re
import shutil
import signal
import site
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
import yaml
from gradio_client import Client, handle_file
from playwright.async_api import async_playwright, expect

from digit_model.settings import Settings
from tests.browser.conftest import CHROMIUM
from tests.conftest import ROOT, finished, free_port, running
from web.limits import BodyLimit

STEPS = re.findall(r"^([A-Z]+) (.+)$", re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text(encoding="utf-8")), re.M)
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
SEVEN = ROOT / "examples" / "7_light-on-dark.png"
NO_HUB = "http://127.0.0.1:9"  # nothing listens there


def program(name: str) -> Path:
    return Path(sys.executable).with_name(name)


def test_hadolint_finds_nothing():
    checked = subprocess.run([program("hadolint"), "Dockerfile"], cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_the_packages_are_installed_before_the_code_is_copied_and_all_ends_without_root():
    words = [f"{word} {rest}" for word, rest in STEPS]
    installed = next(i for i, line in enumerate(words) if "pip --python" in line)
    assert words[installed - 1] == "COPY requirements.txt /packages/"
    assert all("requirements" in line or "--from" in line for line in words[:installed] if line.startswith("COPY"))
    assert [line for line in words if line.startswith("USER")] == ["USER 1000"]
    assert "USER 1000" in words[: words.index('CMD ["python", "app.py"]')]


def test_only_what_is_copied_is_sent_to_the_engine():
    copied = {name for word, rest in STEPS if word == "COPY" and "--from" not in rest for name in rest.split()[:-1]}
    assert IGNORED[1] == "*"
    assert {line.removeprefix("!") for line in IGNORED if line.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)


class Image:
    """What the Dockerfile makes: a root folder, the environment, and the commands that run in it."""

    def __init__(self, root: Path):
        self.root, self.environment, self.said = root, {}, []
        for word, rest in STEPS:
            getattr(self, f"do_{word}")(rest)

    def inside(self, text: str) -> str:
        """Return the text with the image's absolute paths led into the root folder."""
        return re.sub(r"(?<![\w.:/])/(venv|packages|app)\b", rf"{self.root}/\1", text)

    def do_RUN(self, command: str) -> None:
        if command.startswith("useradd "):  # of the machine itself, and as root
            return
        done = subprocess.run(["sh", "-ec", self.inside(command)], cwd=self.folder, env=self.variables(), capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        self.said.append(done.stdout)
        packages = next((self.root / "venv" / "lib").glob("python*")) / "site-packages"
        (packages / "those_of_this_python.pth").write_text("\n".join(site.getsitepackages()))

    def do_COPY(self, what: str) -> None:
        if what.startswith("--from=packages "):
            assert what.split()[1:] == ["/venv", "/venv"]  # both stages have the same folder here
            return
        *names, target = what.split()
        target = self.folder / self.inside(target)
        for name in names:
            to = target if (ROOT / name).is_dir() else target / name
            to.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, to, ignore=shutil.ignore_patterns("__pycache__", "pictures"))
            else:
                shutil.copy(ROOT / name, to)

    def variables(self) -> dict[str, str]:
        """Return the environment of a command, with nothing of this machine's but where its Python is."""
        path = f"{program('python').parent}:/usr/local/bin:/usr/bin:/bin"
        home, temporary = self.root / "home", self.root / "tmp"
        temporary.mkdir(exist_ok=True)
        of_engine = {"PATH": path, "HOME": str(home), "TMPDIR": str(temporary), "PIP_DRY_RUN": "1", "HF_ENDPOINT": NO_HUB}
        own = {name: self.inside(value).replace("$PATH", path) for name, value in self.environment.items()}
        return of_engine | own | {"PYTHONDONTWRITEBYTECODE": "1"}

    def do_FROM(self, base: str) -> None:
        self.folder, self.environment = self.root, {}

    def do_WORKDIR(self, folder: str) -> None:
        self.folder = Path(self.inside(folder))
        self.folder.mkdir()

    def do_ENV(self, values: str) -> None:
        self.environment |= dict(value.split("=", 1) for value in values.split())

    def do_HEALTHCHECK(self, rest: str) -> None:
        self.healthy = json.loads(rest.partition("CMD ")[2])

    def do_CMD(self, command: str) -> None:
        self.command = json.loads(command)

    def do_USER(self, number: str) -> None: ...

    def do_EXPOSE(self, port: str) -> None:
        assert port == self.environment["GRADIO_PORT"]


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Image:
    return Image(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def container(image):
    """The image's app, as `docker run -e GRADIO_ROOT_PATH=/digits` starts it."""
    port = free_port()
    image.environment |= {"GRADIO_PORT": str(port), "GRADIO_ROOT_PATH": "/digits"}
    with running(image.command, image.root / "app", image.variables(), port, image.root) as app:
        yield app


def test_the_image_reads_a_picture_while_it_is_built_and_has_no_pip(image):
    assert "7_light-on-dark.png: 7, 9" in image.said[-1]
    assert not list((image.root / "venv" / "bin").glob("pip*"))


def test_the_app_of_the_image_serves_the_model_that_was_converted_before_and_writes_only_to_its_home(image, request):
    code = written(image.root / "app")
    container = request.getfixturevalue("container")
    read = requests.post(f"{container.url}/predict", files={"image": SEVEN.read_bytes()}, timeout=30).json()
    assert (read["text"], read["model"]["source"]) == ("7", "bundled")
    assert not list((image.root / "home").rglob("*.tflite"))
    assert written(image.root / "app") == code


def written(folder: Path) -> dict[Path, float]:
    """Return the files of a folder and when each was written."""
    return {path: path.stat().st_mtime for path in folder.rglob("*")}


def test_the_health_check_tells_an_app_that_reads_from_none(image, container):
    assert subprocess.run(image.healthy, env=image.variables()).returncode == 0
    elsewhere = image.variables() | {"GRADIO_PORT": str(free_port())}
    assert subprocess.run(image.healthy, env=elsewhere, stderr=subprocess.DEVNULL).returncode == 1


def test_the_line_of_the_procfile_serves_on_the_port_that_heroku_gives(app, tmp_path):
    line = yaml.safe_load((ROOT / "Procfile").read_text())["web"]
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GRADIO_")},
        **{"PATH": f"{program('python').parent}:{os.environ['PATH']}", "PORT": str(port), "HF_ENDPOINT": NO_HUB},
        **{"HF_HOME": str(app.folder / "hf"), "GRADIO_TEMP_DIR": str(tmp_path)},
    }
    # Without exec the shell would be ended in its place, and the app live on.
    with running(["sh", "-c", f"exec env {line}"], ROOT, environment, port, tmp_path) as started:
        address = socket.gethostbyname(socket.gethostname())  # not the loopback alone: Heroku's router comes from outside
        with SEVEN.open("rb") as picture:
            read = requests.post(f"http://{address}:{started.url.rpartition(':')[2]}/predict", files={"image": picture}, timeout=30)
        assert read.json()["text"] == "7"


@pytest.fixture(scope="module")
def nginx(container, tmp_path_factory):
    """The address of the page behind an nginx with the configuration of docs/deployment.md, and the certificate's file."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        pytest.skip("nginx is missing: apt-get install nginx-light openssl")
    folder = tmp_path_factory.mktemp("nginx")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    keys = ["-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"]
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", *names, *keys], check=True, capture_output=True)
    port, plain = free_port(), free_port()
    own = re.search(r"^```nginx\n(.+?)^```$", PAGE, re.M | re.S)[1]
    for said, here in (
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("server_name example.org;", "server_name localhost;"),
        ("/etc/letsencrypt/live/example.org/", f"{folder}/"),
        ("http://127.0.0.1:7860;", f"{container.url};"),
    ):
        assert said in own
        own = own.replace(said, here)
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    whole = f"pid {folder}/pid; error_log stderr; events {{}}\nhttp {{ access_log off; port_in_redirect on; {temporary} {own} }}"
    (folder / "nginx.conf").write_text(whole)
    log = (folder / "log").open("w")
    process = subprocess.Popen([program, "-p", folder, "-c", folder / "nginx.conf", "-g", "daemon off;"], stderr=log)
    end = time.monotonic() + 30
    while socket.socket().connect_ex(("127.0.0.1", port)) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    assert process.poll() is None, (folder / "log").read_text()
    yield f"https://localhost:{port}/digits", f"http://localhost:{plain}/digits/", folder / "fullchain.pem"
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    log.close()


@pytest.fixture
def ask(nginx):
    """Asks behind nginx: a method, a path below the sub-path, and what requests.request takes."""
    https, _, certificate = nginx
    return lambda method, path, **more: requests.request(method, https + path, verify=str(certificate), timeout=60, **more)


def test_plain_http_is_led_to_https_and_the_page_to_its_slash(ask, nginx):
    plain = requests.get(nginx[1], allow_redirects=False, timeout=10)
    assert (plain.status_code, plain.headers["Location"]) == (301, "https://localhost/digits/")
    assert ask("GET", "").url == f"{nginx[0]}/"


def test_every_door_opens_under_the_sub_path(ask):
    assert ask("GET", "/health").json()["status"] == "ok"
    assert ask("POST", "/predict", data=SEVEN.read_bytes(), headers={"Content-Type": "image/png"}).json()["text"] == "7"
    assert ask("GET", "/model").json()["source"] == "bundled"
    assert ask("GET", "/openapi.json").json()["paths"]
    assert ask("GET", "/examples/7_light-on-dark.png").content == SEVEN.read_bytes()
    assert ask("GET", "/config").json()["root"] == ask("GET", "/").url.rstrip("/")


def test_a_proxy_that_strips_the_sub_path_serves_too(container):
    """Gradio's own guide tells to configure nginx so: the app is then asked for paths without it."""
    assert requests.get(f"{container.url}/examples/7_light-on-dark.png", timeout=10).content == SEVEN.read_bytes()
    assert requests.post(f"{container.url}/predict", files={"image": SEVEN.read_bytes()}, timeout=30).json()["text"] == "7"


def test_gradios_client_works_under_the_sub_path(nginx):
    client = Client(f"{nginx[0]}/", ssl_verify=False, verbose=False)
    assert client.predict(handle_file(SEVEN), api_name="/predict")["label"] == "7"
    assert client.predict([handle_file(SEVEN)], api_name="/predict_batch")[0]["text"] == "7"


def test_what_is_too_large_is_refused_by_the_app_and_not_by_nginx(ask):
    most = int(re.search(r"client_max_body_size (\d+)m;", PAGE)[1]) * 2**20
    assert most > BodyLimit(None, Settings()).form_limit
    refused = ask("POST", "/predict", data=b" " * 6_100_000, headers={"Content-Type": "application/json"})
    assert refused.status_code == 413
    assert "larger than 6 MB" in refused.json()["error"]


def test_the_page_reads_what_is_drawn_under_the_sub_path(nginx):
    if not CHROMIUM:
        pytest.skip("Chromium is missing: apt-get install chromium")

    async def visit() -> list[str]:
        errors = []
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = await browser.new_page(ignore_https_errors=True)
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("requestfailed", lambda request: errors.append(request.url))
            page.on("response", lambda reply: errors.append(reply.url) if reply.status >= 400 else None)
            await page.goto(f"{nginx[0]}/")
            await page.locator(":root[data-standing]").wait_for()
            await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            box = await page.locator("#pad canvas").bounding_box()
            (first, *rest) = [(box["x"] + 100 + x, box["y"] + 40 + y) for x, y in ((0, 0), (120, 0), (60, 160))]
            await page.mouse.move(*first)
            await page.mouse.down()
            for point in rest:
                await page.mouse.move(*point, steps=8)
            await page.mouse.up()
            await expect(page.locator("#answer .words")).to_have_text("7", timeout=30_000)
            await page.locator("#gallery button").first.click()
            await expect(page.locator("#answer .words")).to_have_text("0", timeout=30_000)
            await browser.close()
        return errors

    assert finished(visit()) == []
