"""POST /api/ingest in the OpenAPI document: the route stands beside FastAPI, so its description is added here."""

from typing import Any, Final

import msgspec
from fastapi import FastAPI

from app.intake.door import Answer
from app.routers.event_models import BATCH, EVENT, LIMITS
from app.routers.ingest import INGEST_PATH

_REF: Final = "#/components/schemas/{name}"
_SUMMARY: Final = "Send events: NDJSON, an array, or one record"
_TEXT: Final = f"""Each record is taken or refused by itself; the answer comes once everything taken is committed.

The same record again (same `id`, or the same body where there are no ids) has no second effect, so a sender that got no
answer sends the same bytes again. An empty batch is a heartbeat: the source is there and has nothing to say.

At most {LIMITS.body_bytes // 1_048_576} MiB and {LIMITS.batch_records} records a batch,
{LIMITS.records_per_second} records a second a token with a burst of {LIMITS.burst_records}. `occurred_ms` lies between
7 days ago and 2 minutes ahead of the session's clock. `session` in the query sends the whole batch to one session, such
as a replay; without it every record goes to its room's live session, which some kinds open by themselves."""
_PROBLEMS: Final = {
    "401": "no token, or one that does not exist",
    "403": "a token that may not send",
    "413": "body or batch too big; nothing further was read",
    "415": "neither JSON nor NDJSON in UTF-8",
    "422": "not JSON at all, or broken UTF-8",
    "429": "too many records, or too much waits already; see Retry-After",
    "503": "nothing can be committed now; send the same again, see Retry-After",
}


def document_ingest(app: FastAPI) -> None:
    """Let the application's OpenAPI document describe the door too."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        if INGEST_PATH not in document["paths"]:
            document["paths"][INGEST_PATH] = {"post": _operation()}
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(_schemas())
            schemes = document["components"].setdefault("securitySchemes", {})
            schemes["token"] = {"type": "http", "scheme": "bearer"}
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the document


def _schemas() -> dict[str, Any]:
    event = EVENT.json_schema(ref_template=_REF.replace("{name}", "{model}"))
    batch = BATCH.json_schema(ref_template=_REF.replace("{name}", "{model}"))
    (_,), answers = msgspec.json.schema_components([Answer], ref_template=_REF)
    definitions = event.pop("$defs") | batch.pop("$defs")
    return {**definitions, "Event": event, "Batch": batch, **answers}


def _operation() -> dict[str, Any]:
    return {
        "tags": ["events"],
        "summary": _SUMMARY,
        "description": _TEXT,
        "security": [{"token": []}],
        "parameters": [{"name": "session", "in": "query", "required": False, "schema": {"type": "string"}}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"anyOf": [_ref("Batch"), _ref("Event")]}},
                "application/x-ndjson": {"schema": _ref("Event")},
            },
        },
        "responses": {
            "202": {
                "description": "committed; what was refused is named, also when that is all of it",
                "content": {"application/json": {"schema": _ref("Answer")}},
            },
            **{
                status: {"description": text, "content": {"application/problem+json": {}}}
                for status, text in _PROBLEMS.items()
            },
        },
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(name=name)}
