"""Settings: from the environment (CUEROOM_...) or a .env file, checked once at start; secrets never show in a repr."""

import contextlib
import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MIB: Final = 1024 * 1024


class Limits(BaseModel):
    """Bounds of the door. Each can be set alone: CUEROOM_LIMITS__BODY_BYTES=8388608."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    body_bytes: int = Field(4 * MIB, ge=1024, le=64 * MIB)
    batch_records: int = Field(10_000, ge=1, le=100_000)
    payload_bytes: int = Field(16 * 1024, ge=256)
    text_chars: int = Field(2_000, ge=1)
    id_bytes: int = Field(128, ge=16, le=1_024)
    ext_bytes: int = Field(1_024, ge=0)
    count: int = Field(10**9, ge=1, le=10**15)
    amount: int = Field(10**12, ge=1, le=10**15)
    past_ms: int = Field(7 * 86_400_000, ge=60_000)
    ahead_ms: int = Field(120_000, ge=0)
    records_per_second: int = Field(20_000, ge=1)
    burst_records: int = Field(40_000, ge=1)
    request_bytes: int = Field(256 * 1024, ge=1024)
    """Body of every other request: a form, a command, a page's call."""


class Keep(BaseModel):
    """How many days things are kept; 0: for ever. Each can be set alone: CUEROOM_KEEP__TEXTS_DAYS=14."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    texts_days: int = Field(30, ge=0, le=36_500)
    """After the end of a session: its log, comments, speech, and what alerts quote of them."""
    rehearsals_days: int = Field(7, ge=0, le=36_500)
    """The same for replays, drills and demos."""
    orders_days: int = Field(365, ge=0, le=36_500)
    deliveries_days: int = Field(90, ge=0, le=36_500)
    """What messages to groups said; that they were sent, and when, stays."""
    audit_days: int = Field(365, ge=0, le=36_500)
    sign_ins_days: int = Field(30, ge=0, le=36_500)
    """Sign-ins that ran out, links and pairing codes that were used or ran out."""
    devices_days: int = Field(90, ge=0, le=36_500)
    """Tablets that were ended."""


class Settings(BaseSettings):
    """`database_url` empty: a SQLite file in `data`. `public_url`: how people reach this server, for QR codes."""

    model_config = SettingsConfigDict(
        env_prefix="CUEROOM_", env_file=".env", env_nested_delimiter="__", extra="ignore", frozen=True
    )

    database_url: SecretStr = SecretStr("")
    redis_url: SecretStr = SecretStr("")
    lease_ms: int = Field(5_000, ge=500, le=60_000)
    """Of several processes: how long the sessions of a worker that died, or stood still, wait for another."""
    database_wait_s: int = Field(30, ge=0, le=3_600)
    """How long a start waits for a database that does not answer."""
    data: Path = Path("data")
    host: str = "127.0.0.1"
    port: int = Field(8060, ge=0, le=65_535)
    public_url: str = ""
    trusted_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Further origins whose pages may send commands, separated by commas: https://wall.example.com."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ("127.0.0.1",)
    """Addresses and networks of proxies that say who asks (X-Forwarded-For, X-Forwarded-Proto), separated by commas."""
    allow_private_webhooks: bool = False
    """Robots and webhooks may be at any address of the own network; for tests and for gateways inside the house."""
    webhook_allow: Annotated[tuple[str, ...], NoDecode] = ()
    """Or only at these of it, separated by commas: hosts, addresses, networks (hooks.lan, 10.1.0.0/16)."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    metrics_open: bool = False
    """/metrics is told to whoever asks; else to this machine, to tokens that may read, and to signed-in people."""
    drain_s: int = Field(0, ge=0, le=3_600)
    """How long a process that is told to stop says that it is not ready before it takes nothing more."""
    end_silent_hours: int = Field(12, ge=0, le=24 * 365)
    """A session in which neither a source nor a person was heard for so long was left live, and is ended; 0: never."""
    keep: Keep = Keep()
    limits: Limits = Limits()

    @field_validator("trusted_origins", "trusted_proxies", "webhook_allow", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part for part in value.replace(",", " ").split() if part) if isinstance(value, str) else value

    @field_validator("trusted_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_origin(one) for one in value)

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_proxy(one) for one in value)

    @field_validator("webhook_allow")
    @classmethod
    def _destinations(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_destination(one) for one in value)

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str) -> str:
        return _origin(value) if value else ""

    @property
    def scaled_out(self) -> bool:
        """Whether several processes work together over Redis and PostgreSQL."""
        return bool(self.redis_url.get_secret_value())

    @property
    def database(self) -> str:
        """Return the URL to open. It may hold a password: it goes to the store and nowhere else."""
        return self.database_url.get_secret_value() or f"sqlite:///{(self.data / 'cueroom.sqlite3').absolute()}"


_HOST: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?")


def _proxy(written: str) -> str:
    try:
        network = ipaddress.ip_network(written, strict=False)
    except ValueError:
        raise ValueError("must hold addresses or networks such as 10.1.2.3 or 10.1.0.0/16") from None
    return str(network) if network.num_addresses > 1 else str(network.network_address)


def _destination(written: str) -> str:
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_network(written, strict=False))
    if not _HOST.fullmatch(written.lower()) or re.fullmatch(r"[\d.x]+", written.lower()):
        raise ValueError("must hold hosts, addresses or networks such as hooks.lan, 10.1.2.3 or 10.1.0.0/16")
    return written.lower()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.query:
        raise ValueError("must be an origin such as https://control.example.com, without a path")
    if "@" in parts.netloc:
        raise ValueError("must not hold a name or a password")
    return f"{parts.scheme}://{parts.netloc.lower()}"
