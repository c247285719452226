"""What one key of a policy says must agree with what the others say; every fault is told with line and remedy."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Final

from domain.errors import UnknownNameError
from domain.numbers import rounded
from domain.policies.curves import Direction
from domain.policies.measures import (
    CompiledMeasure,
    PenaltyRewardError,
    PolicyError,
    compile_measures,
    measure_fault,
    standard_measures,
)
from domain.policies.policy_file import Adjustment, Competence, Counting, Indicator, PolicyFile
from domain.rules.calendars import calendar_names
from domain.rules.penalties import penalty_number_sentence, penalty_sentence
from domain.rules.toml_files import Path_, TomlText, did_you_mean
from domain.zones import load_zone

_SUBSETS_OF_MAX: Final = 14
"""Indicators that may lack data, up to which every combination of them is tried."""


def check_policy(file: TomlText, parsed: PolicyFile, *, registers: Collection[str]) -> None:
    """Check everything, and tell each table the measures it names. Raises PolicyError or PenaltyRewardError."""
    _check_names(file, parsed, set(registers))
    own = compile_measures(file, parsed.measure, known=standard_measures())
    measures = {**standard_measures(), **own}
    _check_indicators(file, parsed, measures)
    _check_weights(file, parsed)
    _check_adjustments(file, parsed, measures)
    _check_limits(file, parsed)
    lowest, highest = reachable_scores(parsed)
    _check_grades(file, parsed, lowest, highest)
    _check_competences(file, parsed, measures, highest)


def reachable_scores(parsed: PolicyFile) -> tuple[Decimal, Decimal]:
    """The lowest and the highest score that can be printed: curves, weights, caps, bonuses and deductions at
    their extremes, with whatever indicators are not ratable."""
    lowest, highest = _mean_bound(parsed, best=False), _mean_bound(parsed, best=True)
    lowest -= _most(parsed.deduction, parsed.deduction_ceiling)
    highest += _most(parsed.bonus, parsed.bonus_ceiling)
    bounds = Fraction(parsed.score_min), Fraction(parsed.score_max)
    low, high = (rounded(min(max(each, bounds[0]), bounds[1]), parsed.decimals, parsed.rounding)
                 for each in (lowest, highest))  # fmt: skip
    return low, high


def _most(adjustments: Sequence[Adjustment], ceiling: Decimal | None) -> Fraction:
    most = sum((one.most for one in adjustments), Fraction(0))
    return most if ceiling is None else min(most, Fraction(ceiling))


def _check_names(file: TomlText, parsed: PolicyFile, registers: set[str]) -> None:
    try:
        load_zone(parsed.zone)
    except UnknownNameError as error:
        raise file.error(("zone",), str(error), PolicyError) from error
    for key, given, known in (
        ("calendar", parsed.calendar, set(calendar_names())),
        ("register", parsed.register_name, registers),
    ):
        if given not in known:
            message = f"No {key} {given!r}. {did_you_mean(given, sorted(known))}"
            if key == "register":
                message += " One of your own is adopted first: `kaoji procedure adopt FILE --by STAFF_ID`."
            raise file.error((key,), message, PolicyError)


def _check_codes(file: TomlText, kind: str, codes: Sequence[str]) -> None:
    for number, code in enumerate(codes):
        if code in codes[:number]:
            message = f"{kind.capitalize()} {code!r} is already there. Remove or rename one."
            raise file.error((kind, number, "code"), message, PolicyError)


def _named(file: TomlText, at: Path_, name: str, measures: Mapping[str, CompiledMeasure]) -> CompiledMeasure:
    if name not in measures:
        message, kind = measure_fault(name, list(measures))
        raise file.error(at, message, kind)
    return measures[name]


def _exposure(
    file: TomlText, at: Path_, name: str | None, measures: Mapping[str, CompiledMeasure]
) -> CompiledMeasure | None:
    if name is None:
        return None
    exposure = _named(file, at, name, measures)
    if exposure.kind not in ("count", "stock"):
        counts = ", ".join(code for code, one in measures.items() if one.kind in ("count", "stock"))
        message = f"How much there was to judge by is counted; {name!r} is a {exposure.kind}. Known: {counts}."
        raise file.error(at, message, PolicyError)
    return exposure


def _tell(file: TomlText, at: Path_, one: Counting, measures: Mapping[str, CompiledMeasure]) -> CompiledMeasure:
    counts = _named(file, (*at, "measure"), one.measure, measures)
    one.tell(counts, _exposure(file, (*at, "exposure"), one.exposure, measures))
    return counts


def _check_exposure(file: TomlText, at: Path_, one: Counting) -> None:
    if one.counts.is_counted and one.exposure is None:
        message = (
            f"{one.measure!r} is a number of things, which does not say whether there was enough to judge by. "
            "Name a measure that does, for one exposure = 'workload' (for a bonus 'workload-licences')."
        )
        raise file.error((*at, "measure"), message, PolicyError)


def _check_exposed(
    file: TomlText, at: Path_, one: Counting, *, own_counts: bool, named: Sequence[Direction]
) -> None:
    """Nobody is judged, or spared, for penalties.

    They may move an exposure that is named in none of these directions, and not raise the number of members that
    the measure itself judges where to have none of them costs points.
    """
    counts, key, wanted = one.exposure_counts, "exposure", named
    if counts is None:
        counts, key, wanted = one.counts, "measure", ("higher",) if own_counts else ()
    if any(counts.exposes_penalties(direction) for direction in wanted):
        raise file.error((*at, key), penalty_sentence(counts.code), PenaltyRewardError)


def _check_number_asked(file: TomlText, at: Path_, one: Counting) -> None:
    """Where to have too few members costs points, one more penalty may not make enough of them."""
    counts = one.exposure_counts or one.counts
    if one.minimum_exposure > 1 and counts.counts_penalties:
        message = penalty_number_sentence(counts.code, one.minimum_exposure)
        raise file.error((*at, "minimum_exposure"), message, PenaltyRewardError)


def _check_indicators(file: TomlText, parsed: PolicyFile, measures: Mapping[str, CompiledMeasure]) -> None:
    for number, one in enumerate(parsed.indicator):
        at: Path_ = ("indicator", number)
        _check_codes(file, "indicator", [each.code for each in parsed.indicator[: number + 1]])
        counts = _tell(file, at, one, measures)
        if counts.better == "none":
            message = (
                f"Of {one.measure!r} neither more nor less is better, so it earns no points. Use it as an "
                "`exposure`, or choose another measure."
            )
            raise file.error((*at, "measure"), message, PolicyError)
        _check_exposure(file, at, one)
        is_zero = (one.when_not_ratable or parsed.when_not_ratable) == "zero"
        _check_exposed(file, at, one, own_counts=is_zero, named=("higher", "lower"))
        if is_zero:
            _check_number_asked(file, at, one)
        if one.direction not in (None, one.better):
            message = f"For the measure {one.measure!r} {one.better} is better. Leave `direction` out or mend it."
            raise file.error((*at, "direction"), message, PolicyError)
        if counts.kind == "ratio" and one.target > 1:
            message = f"A rate is less than or equal to 1; it is {one.target} here. Write 0.9 for 90 %."
            raise file.error((*at, "target"), message, PolicyError)
        _check_curve(file, (*at, "curve"), one, one.better)


def _check_curve(file: TomlText, at: Path_, one: Indicator | Adjustment, direction: Direction) -> None:
    assert one.curve is not None, "asked for those that have one"
    fault = one.curve.fault(direction)
    if fault is None and one.counts.kind == "ratio" and one.curve.points[-1][0] > 1:
        fault = f"A rate is less than or equal to 1; it is {one.curve.points[-1][0]} here. Write 0.9 for 90 %."
    if fault is not None:
        raise file.error(at, fault, PolicyError)


def _check_weights(file: TomlText, parsed: PolicyFile) -> None:
    total = sum((one.weight for one in parsed.indicator), Decimal(0))
    if total != 100:
        way = f"Take {total - 100} away" if total > 100 else f"Add {100 - total}"
        listed = ", ".join(f"{one.code} {one.weight}" for one in parsed.indicator)
        message = f"The weights add up to {total}, not 100 ({listed}). {way}."
        raise file.error(("indicator",), message, PolicyError)


def _check_adjustments(file: TomlText, parsed: PolicyFile, measures: Mapping[str, CompiledMeasure]) -> None:
    for kind, adjustments in (("bonus", parsed.bonus), ("deduction", parsed.deduction)):
        _check_codes(file, kind, [each.code for each in adjustments])
        taken = {each.code for each in parsed.indicator}
        if kind == "deduction":
            taken |= {each.code for each in parsed.bonus}
        for number, one in enumerate(adjustments):
            at: Path_ = (kind, number)
            if one.code in taken:
                message = f"An indicator or a bonus is called {one.code!r} already. Rename one."
                raise file.error((*at, "code"), message, PolicyError)
            counts = _tell(file, at, one, measures)
            if one.minimum_exposure:
                _check_exposure(file, at, one)
            is_bonus = kind == "bonus"
            _check_exposed(file, at, one, own_counts=is_bonus, named=("higher",) if is_bonus else ("lower",))
            if is_bonus and one.exposure_counts and one.exposure_counts.rewards_penalties("higher"):
                raise file.error((*at, "exposure"), penalty_sentence(one.exposure_counts.code), PenaltyRewardError)
            if is_bonus:
                _check_number_asked(file, at, one)
            if (one.points_each is None) == (one.curve is None):
                message = "Say how many points: either `points_each` or a `curve`."
                raise file.error(at, message, PolicyError)
            if one.curve is None:
                _check_points_each(file, at, one)
            else:
                _check_curve(file, (*at, "curve"), one, one.more_is)
            better = one.more_is if kind == "bonus" else _other(one.more_is)
            if counts.rewards_penalties(better):
                raise file.error((*at, "measure"), penalty_sentence(one.measure), PenaltyRewardError)
            if counts.better not in ("none", better):
                message = (
                    f"For the measure {one.measure!r} {counts.better} is better, but this {kind} says the "
                    "opposite. Mend its points, or choose another measure."
                )
                raise file.error((*at, "measure"), message, PolicyError)


def _check_points_each(file: TomlText, at: Path_, one: Adjustment) -> None:
    if not one.counts.is_counted:
        message = f"A {one.counts.kind} is no number of things. Use a `curve` instead."
        raise file.error((*at, "points_each"), message, PolicyError)
    if one.ceiling is None:
        message = "Without a ceiling there is no end to it. Add `ceiling`, the most points it can move."
        raise file.error((*at, "points_each"), message, PolicyError)


def _other(direction: Direction) -> Direction:
    return "lower" if direction == "higher" else "higher"


def _check_limits(file: TomlText, parsed: PolicyFile) -> None:
    if parsed.score_min >= parsed.score_max:
        message = f"No score lies between {parsed.score_min} and {parsed.score_max}. Mend one of them."
        raise file.error(("score_min",), message, PolicyError)
    for key, adjustments in (("bonus_ceiling", parsed.bonus), ("deduction_ceiling", parsed.deduction)):
        if getattr(parsed, key) is not None and not adjustments:
            table = key.partition("_")[0]
            raise file.error((key,), f"There is no [[{table}]] to limit. Remove it.", PolicyError)


def _check_grades(file: TomlText, parsed: PolicyFile, lowest: Decimal, highest: Decimal) -> None:
    if not parsed.grade:
        return
    bounds = [grade.lower for grade in parsed.grade]
    for number, grade in enumerate(parsed.grade):
        _check_codes(file, "grade", [each.code for each in parsed.grade[: number + 1]])
        if grade.lower in bounds[:number]:
            message = f"Two grades begin at {grade.lower}, so one of them is never given. Move one."
            raise file.error(("grade", number, "from"), message, PolicyError)
    if min(bounds) > parsed.score_min:
        message = f"A score below {min(bounds)} has no grade. Let the lowest grade begin at {parsed.score_min}."
        raise file.error(("grade", bounds.index(min(bounds)), "from"), message, PolicyError)
    for number, grade in enumerate(parsed.grade):
        above = min((bound for bound in bounds if bound > grade.lower), default=None)
        if grade.lower > highest or (above is not None and above <= lowest):
            message = (
                f"No score can earn the grade {grade.code!r}: the curves and weights give "
                f"{float(lowest):g} to {float(highest):g}. Move its lower bound."
            )
            raise file.error(("grade", number, "from"), message, PolicyError)


def _check_competences(
    file: TomlText, parsed: PolicyFile, measures: Mapping[str, CompiledMeasure], highest: Decimal
) -> None:
    _check_codes(file, "competence", [each.code for each in parsed.competence])
    indicators = {each.code: each for each in parsed.indicator}
    for number, one in enumerate(parsed.competence):
        at: Path_ = ("competence", number)
        if one.lower > highest:
            message = f"No score can earn it: the highest is {float(highest):g}. Move its lower bound."
            raise file.error((*at, "from"), message, PolicyError)
        for code, points in one.requires.items():
            if code not in indicators:
                message = f"No indicator {code!r}. {did_you_mean(code, list(indicators))}"
                raise file.error((*at, "requires"), message, PolicyError)
            most = rounded(Fraction(indicators[code].curve.highest()), parsed.decimals, parsed.rounding)
            if indicators[code].counts.exposes_penalties("higher"):
                raise file.error((*at, "requires"), penalty_sentence(indicators[code].measure), PenaltyRewardError)
            _check_number_asked(file, ("indicator", parsed.indicator.index(indicators[code])), indicators[code])
            if points > most:
                message = f"The indicator {code!r} gives {most:f} points at most, not {points}. Ask for less."
                raise file.error((*at, "requires"), message, PolicyError)
        for place, asked in enumerate(one.exposure):
            where = (*at, "exposure", place, "measure")
            counts = _exposure(file, where, asked.measure, measures)
            assert counts is not None, "a name was given"
            if counts.rewards_penalties("higher"):
                raise file.error(where, penalty_sentence(asked.measure), PenaltyRewardError)
            asked.tell(counts)
    _check_rising(file, parsed.competence)


def _check_rising(file: TomlText, competences: Sequence[Competence]) -> None:
    """A higher competence asks for no less than the one below it, and for something more."""
    ordered = sorted(enumerate(competences), key=lambda pair: pair[1].lower)
    for (_, below), (number, above) in pairwise(ordered):
        asked, less = _asked(above), _asked(below)
        short = [what for what, least in less.items() if asked.get(what, Decimal(0)) < least]
        if short or asked == less:
            lacks = f"asks for less: {', '.join(short)}" if short else "asks for the same"
            message = f"{above.code!r} stands above {below.code!r} and {lacks}. Let it ask for more."
            raise file.error(("competence", number), message, PolicyError)


def _asked(one: Competence) -> dict[str, Decimal]:
    return {
        "from": one.lower,
        **{f"requires.{code}": points for code, points in one.requires.items()},
        **{f"exposure {each.measure}": each.at_least for each in one.exposure},
    }


def _mean_bound(parsed: PolicyFile, *, best: bool) -> Fraction:
    """The best or the worst weighted mean that some data can give, with whatever indicators are not ratable."""
    sign = 1 if best else -1
    fixed: list[_Part] = []
    loose: list[_Part] = []
    for one in parsed.indicator:
        reached = Fraction(one.curve.highest() if best else one.curve.lowest())
        weight, cap = Fraction(one.weight), None if one.cap is None else Fraction(one.cap)
        rule = one.when_not_ratable or parsed.when_not_ratable
        if rule == "spread":
            loose.append((reached, weight, cap))
            continue
        without = Fraction(one.curve.highest() if rule == "full" else 0)
        fixed.append((max(sign * reached, sign * without) * sign, weight, cap))
    loose.sort(key=lambda part: -sign * part[0])
    if any(part[2] is not None for part in (*fixed, *loose)):
        # No mean lies beyond the best part, or below nothing: where all together reach that, it is the bound.
        limit = max(part[0] for part in (*fixed, *loose)) if best else Fraction(0)
        if _mean([*fixed, *loose]) == limit or len(loose) > _SUBSETS_OF_MAX:
            return limit
    bounds = [sign * mean for there in _choices(fixed, loose) if (mean := _mean([*fixed, *there])) is not None]
    return sign * max(bounds, default=Fraction(0))


_Part = tuple[Fraction, Fraction, Fraction | None]
"""Points, weight, cap."""


def _choices(fixed: Sequence[_Part], loose: Sequence[_Part]) -> Iterator[Sequence[_Part]]:
    """Which of those that may lack data are there. Without caps the mean is best with the best few, so only
    those are tried, best first; with caps every combination is."""
    has_caps = any(cap is not None for _, _, cap in (*fixed, *loose))
    for count in range(len(loose) + 1):
        if has_caps:
            yield from combinations(loose, count)
        else:
            yield loose[:count]


def _mean(parts: Sequence[_Part]) -> Fraction | None:
    total = sum((weight for _, weight, _ in parts), Fraction(0))
    if not total:
        return None
    given = (
        points * weight / total if cap is None else min(points * weight / total, cap)
        for points, weight, cap in parts
    )
    return sum(given, Fraction(0))
