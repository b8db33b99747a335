"""Any JSON document survives the way into Firestore's values and back; any id survives as a document id."""

from __future__ import annotations

from typing import Any

import pytest
from fluxfloor.adapters.google.values import (
    RawDocument,
    decode_fields,
    decode_id,
    encode_fields,
    encode_id,
    encode_value,
    field_path,
)
from google.cloud.firestore_v1.field_path import FieldPath
from hypothesis import example, given
from hypothesis import strategies as st

_NAMES = st.text(max_size=8) | st.sampled_from(["%", "%int", "%list", "%:", "%:%int", "__x__", "____", "", "a.b", "`"])
_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.integers(2**62, 2**66) | st.floats(allow_nan=False) | st.text()
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(_NAMES, _VALUES, max_size=5))
@example({"%int": "7", "a": {"%int": "7"}, "b": {"%list": [[]]}, "c": {"%:": {"%:%int": 1}}, "d": [[[2**70]]]})
def test_a_document_comes_back_as_it_went(data: dict[str, Any]) -> None:
    document = RawDocument()
    encode_fields(data, document.fields)
    raw = RawDocument.FromString(document.SerializeToString())
    assert _typed(decode_fields(raw.fields)) == _typed(data)


@given(_NAMES)
def test_no_field_has_a_name_that_firestore_refuses(name: str) -> None:
    document = RawDocument()
    encode_fields({name: {name: 1}}, document.fields)
    for stored in (*document.fields, *next(iter(document.fields.values())).map_value.fields):
        assert stored
        assert not (stored.startswith("__") and stored.endswith("__"))


@given(_NAMES)
def test_a_path_names_the_field_that_was_stored(name: str) -> None:
    document = RawDocument()
    encode_fields({name: 1}, document.fields)
    assert FieldPath.from_api_repr(field_path(name)).parts == tuple(document.fields)


@given(st.text(min_size=1, max_size=40))
@example(".")
@example("..")
@example("__x__")
@example("____")
@example("__/__")
@example("%5F_x__")
@example("a/b%2Fc")
def test_an_id_comes_back_and_is_one_that_firestore_takes(document_id: str) -> None:
    encoded = encode_id(document_id)
    assert decode_id(encoded) == document_id
    assert "/" not in encoded
    assert encoded not in (".", "..")
    assert not (len(encoded) >= 4 and encoded.startswith("__") and encoded.endswith("__"))


@given(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8))
def test_two_ids_never_become_one(one: str, other: str) -> None:
    assert (encode_id(one) == encode_id(other)) == (one == other)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object()])
def test_what_is_not_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        encode_value(value)


def _typed(value: Any) -> Any:
    """Tells 1, 1.0 and True apart, which Python's == does not."""
    if isinstance(value, dict):
        return {name: _typed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return (type(value).__name__, value)
