"""Promises of settings: whose word about a client's address is taken; a mistake in it is found at the start."""

import httpx2
import pytest
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from app.cli.serve import server_config
from app.settings import Settings


async def told(scope: Scope, receive: Receive, send: Send) -> None:
    client = Request(scope).client
    await PlainTextResponse(client.host if client else "")(scope, receive, send)


async def address_of(settings: Settings, proxy: str) -> str:
    """Return whom the program takes for the client, when `proxy` sends what 203.0.113.7 asked it."""
    config = server_config(settings, told)
    config.load()
    transport = httpx2.ASGITransport(app=config.loaded_app, client=(proxy, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return (await client.get("/", headers={"X-Forwarded-For": "203.0.113.7"})).text


async def test_a_clients_address_is_taken_from_trusted_proxies_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await address_of(Settings(), "127.0.0.1") == "203.0.113.7"
    assert await address_of(Settings(), "172.30.60.1") == "172.30.60.1"
    monkeypatch.setenv("CUEROOM_TRUSTED_PROXIES", "172.30.60.9/24, 10.0.0.5")
    assert await address_of(Settings(), "172.30.60.1") == await address_of(Settings(), "10.0.0.5") == "203.0.113.7"
    assert await address_of(Settings(), "127.0.0.1") == "127.0.0.1"
    monkeypatch.setenv("CUEROOM_TRUSTED_PROXIES", "")
    assert await address_of(Settings(), "127.0.0.1") == "127.0.0.1"
    for mistake in ("*", "proxy.lan", "10.0.0.0/99"):
        monkeypatch.setenv("CUEROOM_TRUSTED_PROXIES", mistake)
        with pytest.raises(ValidationError, match="addresses or networks"):
            Settings()
