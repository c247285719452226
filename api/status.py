"""Say how things stand: the ledger's head, how far views are behind, what waits, what was refused."""

from __future__ import annotations

from typing import Any

from api.bootstrap import Kaoji
from api.gaps import missing_by_source
from domain.compiled import COMPILED
from projections.case_files import waiting_actions
from projections.corrections import report_corrections
from projections.recorded_actions import instant_text


def status(kaoji: Kaoji) -> dict[str, Any]:
    """What `kaoji status` prints and `GET /status` answers. The lag is that before this command caught up."""
    head = kaoji.ledger.head()
    lags = kaoji.driver.lags()
    history = kaoji.history()
    corrections = report_corrections(history, kaoji.ledger)
    return {
        "events": head.position,
        "recorded_at": None if head.position == 0 else instant_text(head.recorded_at),
        "projections": [{"name": lag.projection, "position": lag.position, "lag": lag.behind} for lag in lags],
        "waiting": int(waiting_actions(history).size),
        "without_effect": list(corrections.without_effect),
        "self_recorded": list(corrections.self_recorded),
        "gaps": missing_by_source(kaoji),
        "quarantined": kaoji.ledger.counts()["quarantined"],
        "core": "compiled" if COMPILED else "plain Python (slow): install numba to compile it",
    }
