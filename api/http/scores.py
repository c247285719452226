"""Answer scores, and what makes them up."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from api.bootstrap import Kaoji
from api.scores.differences import difference, two_states
from api.scores.explanations import explanation
from api.scores.scorecards import Basis, basis, basis_at_rest
from domain.measuring.rollup import By
from domain.scoring.json_columns import NARROW

PolicyName = Annotated[str, Query(description="Name of an adopted or shipped policy, or NAME@VERSION.")]
FromDay = Annotated[str, Query(alias="from", description="First day, YYYY-MM-DD, in the policy's zone.")]
ToDay = Annotated[str, Query(description="Last day, inclusive. After today the answer is a forecast.")]
AsOf = Annotated[
    str | None,
    Query(alias="as-of", description="A position, or a time of recording: what was known then."),
]


def scores_router(kaoji: Kaoji) -> APIRouter:
    """The routes under /scores."""
    router = APIRouter(tags=["scores"])

    @router.get("/scores", response_class=JSONResponse)
    def get_scores(
        policy: PolicyName,
        from_: FromDay,
        to: ToDay,
        by: Annotated[By, Query(description="Whom to score.")] = "all",
        as_of: AsOf = None,
    ) -> Response:
        """Scores of staff, units, processes or the whole over a period, as `kaoji score` prints them."""
        with basis_at_rest(kaoji, policy=policy, from_text=from_, to_text=to, as_of=as_of, files=False) as found:
            cards = found.scorecards(by)
        texts = cards.json_texts(found.head_json(cards), NARROW)
        return Response(b"".join(text.encode() for text in texts), media_type="application/json")

    @router.get(
        "/scores/{subject:path}/explanation",
        response_class=JSONResponse,
        responses={404: {"description": "Nobody and nothing bears this name in that period."}},
    )
    def get_explanation(
        subject: str,
        policy: PolicyName,
        from_: FromDay,
        to: ToDay,
        indicator: Annotated[str | None, Query(description="Only this one.")] = None,
        by: Annotated[By | None, Query(description="What the subject is, where two bear its name.")] = None,
        as_of: AsOf = None,
        between: Annotated[
            str | None,
            Query(
                description="Two states A..B, positions or times of recording: what changed between them, and why."
            ),
        ] = None,
        lang: Annotated[Literal["zh", "en"] | None, Query(description="Language of rules and reasons.")] = None,
    ) -> Response:
        """Every point of a subject's score with the actions, rule and clause behind it, as `kaoji explain`.

        With `between`, the score in two states of knowledge, and every change from the one to the other.
        """
        language = lang or kaoji.settings.language
        if between is not None:
            return JSONResponse(
                difference(
                    kaoji, subject, between=two_states(between, as_of), policy=policy, from_text=from_, to_text=to,
                    by=by, indicator=indicator, language=language, files=False,
                )
            )  # fmt: skip
        found = _basis(kaoji, policy, from_, to, as_of)
        return JSONResponse(explanation(found, subject, by=by, indicator=indicator, language=language))

    return router


def _basis(kaoji: Kaoji, policy: str, from_text: str, to_text: str, as_of: str | None) -> Basis:
    # A caller from outside may not have the server open files.
    return basis(kaoji, policy=policy, from_text=from_text, to_text=to_text, as_of=as_of, files=False)
