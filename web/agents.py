"""What GET /agents.md tells: how an agent reads a picture or a drawing here. Made of the doors' own descriptions; routes.py serves it."""

import gradio as gr

from digit_model.settings import Settings
from web.openapi import description


def guide(page: gr.Blocks, settings: Settings, address: str) -> str:
    """Return the guide as Markdown. page: the Blocks whose endpoints are told; address: where the app is, without a slash at the end."""
    told = description(settings)
    doors = told["paths"]
    plain = [
        f"- `{method.upper()} {path}`: {door['summary']} {door.get('description', '')}".rstrip()
        for path, methods in doors.items()
        for method, door in methods.items()
    ]
    endpoints = [f"### {name}\n\n{told['description'].strip()}" for name, told in page.get_api_info()["named_endpoints"].items()]
    newline, paragraph = "\n", "\n\n"  # an f-string of Python 3.11 takes no backslash
    return f"""# {told["info"]["title"]}

{told["info"]["summary"]} {told["info"]["description"]} No key and no account is needed.

## Plain HTTP, the simplest

```bash
curl -F image=@digit.png {address}/predict
curl --json '{{"strokes": [[[60, 60], [180, 60], [120, 220]]]}}' {address}/predict
```

{newline.join(plain)}

The answer to one picture or drawing is `{{"text": "42", "verdict": "number", "confidence": 0.98, "digits": [...], "model": {{...}}}}`.
`verdict` is "digit", "number", "blank" or "not a digit"; `confidence` is the probability that the answer is right. For several pictures
it is a list, in order, with {{"error": ...}} in the place of one that cannot be read.
Every field: {address}/openapi.json

## MCP, where the app has `gradio[mcp]`, and gradio_client

The MCP server (streamable HTTP) is {address}/gradio_api/mcp/. Its tools are these endpoints; a picture is a public URL or a data URI. With
`gradio_client`, a picture is `handle_file(path)`:

```python
from gradio_client import Client, handle_file

print(Client("{address}").predict(handle_file("digit.png"), api_name="/predict")["label"])
```

{paragraph.join(endpoints)}

All of it as OpenAPI: {address}/gradio_api/openapi.json
"""
