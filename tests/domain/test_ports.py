"""What names a port, and what does not."""

from __future__ import annotations

import pytest

from domain.ports import port_number


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("1", 1), ("09092", 9092), ("65535", 65_535)])
def test_plain_digits_name_a_port(text: str, number: int) -> None:
    assert port_number(text) == number


@pytest.mark.parametrize("text", ["", "65536", "-1", "+1", " 1", "1_0", "1.0", "http", "٥٤٣٢", "²", "9" * 5_000])
def test_whatever_else_names_none(text: str) -> None:
    assert port_number(text) is None
