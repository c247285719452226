"""Answer what would be under another policy, weight or target, or without some data."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from api.bootstrap import Kaoji
from api.http.scores import AsOf, FromDay, PolicyName, ToDay
from api.scores.what_if import Variation, numbers_by_code, what_if
from domain.measuring.rollup import By


def what_if_router(kaoji: Kaoji) -> APIRouter:
    """The route /what-if."""
    router = APIRouter(tags=["scores"])

    @router.get("/what-if", response_class=JSONResponse)
    def get_what_if(
        policy: PolicyName,
        from_: FromDay,
        to: ToDay,
        against: Annotated[str | None, Query(description="Another policy to compare it with.")] = None,
        weight: Annotated[
            list[str] | None, Query(description="CODE=NUMBER: another weight of an indicator. May come again.")
        ] = None,
        target: Annotated[
            list[str] | None,
            Query(description="CODE=NUMBER: another target; its curve moves along. May come again."),
        ] = None,
        without_procedure: Annotated[
            list[str] | None,
            Query(alias="without-procedure", description="Leave out what counts for a procedure. May come again."),
        ] = None,
        without_source: Annotated[
            list[str] | None,
            Query(alias="without-source", description="As if a source had never sent anything. May come again."),
        ] = None,
        by: Annotated[By, Query(description="Whom to score.")] = "staff",
        everybody: Annotated[
            bool, Query(alias="all", description="List everybody whose score changes, not only whose grade does.")
        ] = False,
        as_of: AsOf = None,
    ) -> Response:
        """Who would get another grade, and why, as `kaoji policy what-if` prints it."""
        variation = Variation(
            against=against,
            weights=numbers_by_code(weight or (), "weight"),
            targets=numbers_by_code(target or (), "target"),
            without_procedures=tuple(without_procedure or ()),
            without_sources=tuple(without_source or ()),
        )
        # A caller from outside may not have the server open files.
        answer = what_if(
            kaoji,
            policy=policy,
            variation=variation,
            from_text=from_,
            to_text=to,
            by=by,
            as_of=as_of,
            everybody=everybody,
            files=False,
        )
        return JSONResponse(answer)

    return router
