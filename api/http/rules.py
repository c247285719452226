"""Answer which policies and procedure registers there are, and what they say."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from api.as_of import position_as_of
from api.bootstrap import Kaoji
from api.http.scores import AsOf
from api.rules.listing import listed_procedures, listed_rules, rule_json
from api.rules.rules import rulebook_of
from domain.rules.adoption import Rulebook

Lang = Annotated[Literal["zh", "en"] | None, Query(description="Language of titles.")]
NOT_KNOWN = "Nothing of this name, or version, was adopted by then or is shipped."


def rules_router(kaoji: Kaoji) -> APIRouter:
    """The routes /policies…, /registers… and /procedures."""
    router = APIRouter(tags=["rules"])

    @router.get("/policies", response_class=JSONResponse)
    def get_policies(as_of: AsOf = None, lang: Lang = None) -> Response:
        """Policies, adopted and shipped, with their versions, as `kaoji policy list`."""
        return JSONResponse(listed_rules(_known(kaoji, as_of), "policy", language=_language(kaoji, lang)))

    @router.get("/policies/{name}", response_class=JSONResponse, responses={404: {"description": NOT_KNOWN}})
    def get_policy(name: str, as_of: AsOf = None, lang: Lang = None) -> Response:
        """One policy, by name or NAME@VERSION, with its text as TOML."""
        return JSONResponse(rule_json(_known(kaoji, as_of), "policy", name, language=_language(kaoji, lang)))

    @router.get("/registers", response_class=JSONResponse)
    def get_registers(as_of: AsOf = None, lang: Lang = None) -> Response:
        """Procedure registers, adopted and shipped, with their versions, as `kaoji procedure registers`."""
        return JSONResponse(listed_rules(_known(kaoji, as_of), "register", language=_language(kaoji, lang)))

    @router.get("/registers/{name}", response_class=JSONResponse, responses={404: {"description": NOT_KNOWN}})
    def get_register(name: str, as_of: AsOf = None, lang: Lang = None) -> Response:
        """One procedure register, by name or NAME@VERSION, with its text as TOML."""
        return JSONResponse(rule_json(_known(kaoji, as_of), "register", name, language=_language(kaoji, lang)))

    @router.get("/procedures", response_class=JSONResponse)
    def get_procedures(
        register: Annotated[str | None, Query(description="Only this one: a name, or NAME@VERSION.")] = None,
        as_of: AsOf = None,
        lang: Lang = None,
    ) -> Response:
        """The procedures of all registers with their limits, as `kaoji procedure list`."""
        rulebook = _known(kaoji, as_of)
        # A caller from outside may not have the server open files.
        found = listed_procedures(rulebook, register=register, language=_language(kaoji, lang), files=False)
        return JSONResponse(found)

    return router


def _known(kaoji: Kaoji, as_of: str | None) -> Rulebook:
    upto = position_as_of(kaoji, as_of, kaoji.ledger.head().position)
    return rulebook_of(kaoji, upto=upto)


def _language(kaoji: Kaoji, lang: Literal["zh", "en"] | None) -> str:
    return lang or kaoji.settings.language
