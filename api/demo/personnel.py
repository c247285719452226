"""What the personnel system sends: offices opened, renamed, moved and closed; people who join, move and leave."""

from __future__ import annotations

from api.demo.dice import Dice
from api.demo.drafts import PERSONNEL, Data, Outbox
from api.demo.office_days import DAY, OfficeDays
from api.demo.organisation import Organisation, Person
from api.demo.places import HEAD_OFFICE

_NINE = 9 * 3600


def write_units(days: OfficeDays, dice: Dice, organisation: Organisation, outbox: Outbox) -> None:
    """Open every office long before the year; rename, move and close a few during it, none of Guangxi's."""
    long_ago = days.day(4, 10, year=-12)
    for rank, bureau in enumerate(organisation.bureaus):
        data: Data = {"title": f"{bureau.unit.zh} / {bureau.unit.en}"}
        if bureau.code != HEAD_OFFICE:
            data["parent"] = HEAD_OFFICE
        outbox.add(PERSONNEL, "unit.opened", bureau.code, (long_ago + 40 * min(rank, 1)) * DAY + _NINE, data)
        for code, zh, en in bureau.unit.branches:
            opened = long_ago + 80 + dice.between(0, 900)
            data = {"parent": bureau.code, "title": f"{zh} / {en}"}
            outbox.add(PERSONNEL, "unit.opened", code, opened * DAY + _NINE, data)
    _change_units(days, outbox)


def _change_units(days: OfficeDays, outbox: Outbox) -> None:
    def change(type_: str, code: str, month: int, day: int, data: Data) -> None:
        outbox.add(PERSONNEL, type_, code, days.day(month, day) * DAY + _NINE, data)

    change("unit.renamed", "inst-information", 3, 1, {"title": "信息与数据中心 / Information and Data Centre"})
    change("unit.renamed", "tj-airport", 5, 16, {"title": "天津局滨海机场办事处 / Tianjin, Binhai Airport Branch"})
    change(
        "unit.renamed", "sh-waigaoqiao", 9, 1, {"title": "上海局外高桥保税区办事处 / Shanghai, Free Zone Branch"}
    )
    reason = "the river terminal is now served from Guangzhou"
    change("unit.moved", "zh-doumen", 7, 1, {"parent": "gd", "reason": reason})
    change(
        "unit.moved", "gd-sanshui", 4, 1, {"parent": "gd-foshan", "reason": "Foshan directs the district offices"}
    )
    change(
        "unit.moved", "gd-gaoming", 4, 1, {"parent": "gd-foshan", "reason": "Foshan directs the district offices"}
    )
    change(
        "unit.moved", "gd-nanhai", 4, 1, {"parent": "gd-foshan", "reason": "Foshan directs the district offices"}
    )
    change(
        "unit.opened",
        "sz-qianhai",
        10,
        10,
        {"parent": "sz", "title": "深圳局前海办事处 / Shenzhen, Qianhai Branch"},
    )
    change("unit.closed", "ha-jiaozuo", 12, 30, {"reason": "merged with the Zhengzhou office"})


def write_staff(days: OfficeDays, dice: Dice, organisation: Organisation, outbox: Outbox) -> None:
    """Everyone joins and is assigned a post; some get another competence grade, some move, some leave."""
    for person in organisation.people:
        _write_person(days, dice, person, outbox)


def _write_person(days: OfficeDays, dice: Dice, person: Person, outbox: Outbox) -> None:
    def tell(type_: str, day: int, data: Data, second: int = _NINE) -> None:
        outbox.add(PERSONNEL, type_, person.id, day * DAY + second, data)

    joined, office = person.postings[0]
    tell("staff.joined", joined, {"unit": office})
    tell(
        "staff.assigned",
        joined,
        {"unit": office, "post": person.post, "competence": person.competence},
        _NINE + 1800,
    )
    for first, office in person.postings[1:]:
        # Midnight: from that day on the person belongs to the new office.
        tell("staff.assigned", first, {"unit": office, "post": person.post, "reason": "rotation"}, 0)
    if person.competence < "C5" and person.left is None and dice.happens(0.12):
        raised = f"C{int(person.competence[1]) + 1}"
        day = max(days.day(6, 30), joined + 1, person.postings[-1][0] + 1)
        office = person.postings[-1][1]
        tell("staff.assigned", day, {"unit": office, "post": person.post, "competence": raised})
    if person.left is not None:
        tell(
            "staff.left",
            person.left,
            {"reason": dice.pick(("retired", "resigned", "moved to another administration"))},
            0,
        )
