"""The tools of agents, called with the real MCP client."""

import base64
import re
import shutil
import subprocess
import sys

import pytest
import requests
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from tests.conftest import ROOT, finished
from tests.service.test_snippets import FENCE, RUN

SEVEN = ROOT / "examples" / "7_light-on-dark.png"


@pytest.fixture
def agent(app):
    """Runs what is asked of a session, `lambda session: session.list_tools()`, and returns its result."""

    def ask(question):
        async def asked():
            async with streamable_http_client(f"{app.url}/gradio_api/mcp/") as (read, write, _), ClientSession(read, write) as session:
                await session.initialize()
                return await question(session)

        return finished(asked())

    return ask


def call(agent, tool: str, **arguments):
    return agent(lambda session: session.call_tool(tool, arguments))


def data_uri(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def test_the_tools_tell_all_that_an_agent_needs(agent):
    tools = {tool.name: tool for tool in agent(lambda session: session.list_tools()).tools}
    assert set(tools) == {"predict", "predict_sketch", "predict_batch", "model"}
    for tool in tools.values():
        assert len(tool.description) > 100
        assert all(len(parameter["description"]) > 40 for parameter in tool.inputSchema["properties"].values())
    assert "[[[60, 60], [180, 60], [120, 220]]]" in tools["predict_sketch"].description


def test_an_agent_reads_a_picture(agent):
    answer = call(agent, "predict", image=data_uri(SEVEN.read_bytes()))
    assert answer.content[0].text.startswith("{'label': '7', 'confidences': [{'label': '7',")


def test_an_agent_reads_strokes(agent, seven):
    answer = call(agent, "predict_sketch", strokes=seven)
    assert answer.content[0].text.startswith("{'label': '7', 'confidences': [{'label': '7',")


def test_an_agent_reads_many_pictures(agent):
    answer = call(agent, "predict_batch", images=[data_uri(SEVEN.read_bytes()), data_uri(b"no picture"), "data:image/png;base64,%"])
    text = answer.content[0].text
    assert text.startswith("[{'text': '7', 'verdict': 'digit', ")
    assert text.count("{'error': ") == 2
    assert "no picture that can be read" in text
    assert "data URI is broken" in text


def test_an_agent_is_told_what_is_wrong(agent):
    answer = call(agent, "predict_sketch", strokes=[[["a", "b"]]])
    assert answer.isError
    assert "is not of type 'number'" in answer.content[0].text
    answer = call(agent, "predict", image=data_uri(b"no picture"))
    assert answer.isError
    assert "no picture that can be read" in answer.content[0].text


def test_an_agent_opens_no_file_and_no_address_of_the_server(agent, app):
    for image in (str(SEVEN), "file:///etc/passwd", f"{app.url}/examples/{SEVEN.name}"):
        assert call(agent, "predict", image=image).isError
        assert "'text'" not in call(agent, "predict_batch", images=[image]).content[0].text


@pytest.fixture
def guide(app) -> str:
    reply = requests.get(f"{app.url}/agents.md", timeout=10)
    assert reply.headers["Content-Type"].startswith("text/markdown")
    return reply.text


def test_the_guide_for_agents_describes_every_door_as_it_describes_itself(app, guide):
    for name, endpoint in requests.get(f"{app.url}/gradio_api/info", timeout=10).json()["named_endpoints"].items():
        assert f"### {name}\n\n{endpoint['description'].strip()}" in guide
    for path, methods in requests.get(f"{app.url}/openapi.json", timeout=10).json()["paths"].items():
        for method, door in methods.items():
            assert f"`{method.upper()} {path}`: {door['summary']}" in guide


def test_every_address_in_the_guide_is_there(app, guide):
    addresses = set(re.findall(rf"{app.url}[\w/.]*[\w/]", guide)) - {app.url, f"{app.url}/predict"}
    assert f"{app.url}/gradio_api/mcp/" in addresses  # the other tests speak to it
    for address in addresses - {f"{app.url}/gradio_api/mcp/"}:
        assert "paths" in requests.get(address, timeout=10).json()


def test_what_the_guide_shows_works_as_it_is_written(guide, tmp_path):
    shutil.copy(SEVEN, tmp_path / "digit.png")
    snippets = FENCE.findall(guide)
    assert [language for _, language, _ in snippets] == ["bash", "python"]
    for _, language, text in snippets:
        command = [sys.executable, "-c"] if language == "python" else RUN[language]
        done = subprocess.run([*command, text], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert "7" in done.stdout.replace("0.7", "")
        assert "error" not in done.stdout


def test_behind_a_proxy_the_guide_gives_the_address_outside(app):
    headers = {"X-Forwarded-Host": "owner-name.hf.space", "X-Forwarded-Proto": "https"}
    assert "https://owner-name.hf.space/predict" in requests.get(f"{app.url}/agents.md", headers=headers, timeout=10).text
