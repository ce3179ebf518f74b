"""Fetches a picture that a caller names by a public address, and no more of it than a file may have. endpoints.py calls it."""

import asyncio
from urllib.parse import urljoin

import gradio as gr
import httpx
import safehttpx
from gradio import processing_utils

SECONDS = 20  # that a picture may take to arrive
REDIRECTS = 10


def limit_fetching(max_bytes: int) -> None:
    """Let Gradio fetch by `fetched`: its own function takes into memory whatever comes, for as long as it comes."""

    async def get(url: str) -> httpx.Response:
        try:
            async with asyncio.timeout(SECONDS):
                return await fetched(url, max_bytes)
        except TimeoutError:
            problem = f"did not arrive within {SECONDS} seconds"
        except TooLarge:
            problem = f"is larger than {max_bytes / 1e6:g} MB"
        except (ValueError, httpx.HTTPError, httpx.InvalidURL):
            problem = "cannot be fetched"
        raise gr.Error(f"The picture at that address {problem}. Send the file itself.", print_exception=False)

    processing_utils.async_ssrf_protected_get = get


class TooLarge(Exception):
    """More came than a file may have."""


async def fetched(url: str, max_bytes: int) -> httpx.Response:
    """Return what a public address answers, status 200. Raises TooLarge, httpx.HTTPError, or ValueError for a private network's address."""
    for _ in range(REDIRECTS):
        host = httpx.URL(url).host
        own = safehttpx.matches_domain_whitelist(host, processing_utils.PUBLIC_HOSTNAME_WHITELIST)  # the Hub's, as in Gradio
        transport = None if own else safehttpx.AsyncSecureTransport(await safehttpx.async_validate_url(host))
        client = httpx.AsyncClient(transport=transport)
        async with client, client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as reply:
            if reply.has_redirect_location:
                url = urljoin(url, reply.headers["Location"])
                continue
            reply.raise_for_status()
            content = bytearray()
            async for piece in reply.aiter_raw():  # as it comes: unpacked, it may be a thousand times as large
                content += piece
                if len(content) > max_bytes:
                    raise TooLarge
            return httpx.Response(reply.status_code, content=bytes(content))
    raise httpx.TooManyRedirects(f"more than {REDIRECTS}")
