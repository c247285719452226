"""Serve the published schemas of an action, as they are shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from domain.errors import UnknownNameError

FOLDER: Final = Path(__file__).resolve().parents[1] / "schemas"
SCHEMAS: Final = {
    "action.schema.json": "application/schema+json",
    "actions.asyncapi.json": "application/vnd.aai.asyncapi+json;version=3.0.0",
}


def schemas_router() -> APIRouter:
    """The routes under /schemas."""
    router = APIRouter(tags=["schemas"])

    @router.get(
        "/schemas/{name}",
        response_class=Response,
        responses={404: {"description": "No schema bears this name."}},
    )
    def get_schema(name: str) -> Response:
        """`action.schema.json` (JSON Schema of one action) or `actions.asyncapi.json` (AsyncAPI)."""
        if name not in SCHEMAS:
            raise UnknownNameError("schema", name, SCHEMAS)
        return Response((FOLDER / name).read_bytes(), media_type=SCHEMAS[name])

    return router
