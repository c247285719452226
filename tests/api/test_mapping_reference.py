"""The reference of mapping files names every key and every field, and says something about each."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from api.reference import mapping
from api.reference.mapping import mapping_page
from consumers import mapping_format
from consumers.mapping_format import Constants, Fields
from domain.actions.data import FIELDS
from domain.rules.toml_files import StrictModel

MODELS = [
    model
    for model in vars(mapping_format).values()
    if isinstance(model, type) and issubclass(model, StrictModel) and model not in (StrictModel, Fields, Constants)
]


@pytest.mark.parametrize("model", MODELS)
def test_every_key_of_a_mapping_is_documented(model: type[BaseModel]) -> None:
    page = mapping_page()
    assert model in [one for _, one, _ in mapping._TABLES]
    for name, field in model.model_fields.items():
        assert field.description
        assert f"| `{field.alias or name}` |" in page


def test_every_field_of_data_is_named() -> None:
    page = mapping_page()
    assert all(f"`{name}`" in page for name in FIELDS)
