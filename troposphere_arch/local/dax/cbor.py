"""The part of CBOR (RFC 8949) that DAX and its clients speak, and DynamoDB's attribute values in it.

DAX adds tags of its own for sets and for positions in lists. It writes an attribute value without its type where CBOR
has one: `{"S": "a"}` is the text "a", `{"N": "1"}` the integer 1. `plain` and `attribute_value` go to and fro.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, BinaryIO, NamedTuple

POSITION = 3324  # in a list, as a part of a path
_SETS = {"SS": 3321, "NS": 3322, "BS": 3323}
_SET_OF_TAG = {tag: kind for kind, tag in _SETS.items()}
_POSITIVE, _NEGATIVE, _DECIMAL = 2, 3, 4  # numbers that are too long for 64 bits, or have a fraction
_SIMPLE = {20: False, 21: True, 22: None}
_OPEN = 31
_END = object()


class Tagged(NamedTuple):
    """A value with a tag that is not a number's."""

    tag: int
    value: Any


def decode(data: bytes) -> Any:
    """The first value in `data`."""
    return read(io.BytesIO(data))


def read(stream: BinaryIO) -> Any:
    """The next value of a stream. Raises EOFError at its end, ValueError for what is no CBOR that we know."""
    value = _read(stream)
    if value is _END:
        raise ValueError("CBOR: an end without a beginning")
    return value


def encode(value: Any) -> bytes:
    """`value` as CBOR. Raises TypeError when it is of a type that has no form there."""
    match value:
        case None | bool():
            return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
        case int():
            return _encode_int(value)
        case Decimal():
            sign, digits, exponent = value.as_tuple()
            mantissa = int("".join(map(str, digits)))
            return _head(6, _DECIMAL) + encode([exponent, -mantissa if sign else mantissa])
        case bytes():
            return _head(2, len(value)) + value
        case str():
            text = value.encode()
            return _head(3, len(text)) + text
        case Tagged():
            return _head(6, value.tag) + encode(value.value)
        case Mapping():
            return _head(5, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())
        case Sequence():
            return _head(4, len(value)) + b"".join(map(encode, value))
    raise TypeError(f"CBOR: {type(value).__name__} has no form")


def plain(attribute_value: Mapping[str, Any]) -> Any:
    """What `encode` takes, of an attribute value."""
    ((kind, value),) = attribute_value.items()
    match kind:
        case "N":
            return _number(value)
        case "NULL":
            return None
        case "L":
            return [plain(one) for one in value]
        case "M":
            return {name: plain(one) for name, one in value.items()}
        case "NS":
            return Tagged(_SETS[kind], [_number(one) for one in value])
        case "SS" | "BS":
            return Tagged(_SETS[kind], value)
    return value


def attribute_value(decoded: Any) -> dict[str, Any]:
    """The attribute value that was decoded."""
    match decoded:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": decoded}
        case int() | Decimal():
            return {"N": str(decoded)}
        case str():
            return {"S": decoded}
        case bytes():
            return {"B": decoded}
        case Tagged():
            kind = _SET_OF_TAG[decoded.tag]
            return {kind: [str(one) for one in decoded.value] if kind == "NS" else decoded.value}
        case dict():
            return {"M": {name: attribute_value(one) for name, one in decoded.items()}}
        case list():
            return {"L": [attribute_value(one) for one in decoded]}
    raise ValueError(f"CBOR: {type(decoded).__name__} is no attribute value")


def _number(text: str) -> int | Decimal:
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else number


def _read(stream: BinaryIO) -> Any:
    (head,) = _take(stream, 1)
    major, size = head >> 5, head & 31
    if major == 7:
        if size == _OPEN:
            return _END
        if size in _SIMPLE:
            return _SIMPLE[size]
        raise ValueError(f"CBOR: {head:#x} is not known here")
    if size == _OPEN and major in (4, 5):
        parts = list(iter(lambda: _read(stream), _END))
        return parts if major == 4 else dict(zip(parts[::2], parts[1::2], strict=True))
    if size > 27:
        raise ValueError(f"CBOR: {head:#x} is not known here")
    number = size if size < 24 else int.from_bytes(_take(stream, 1 << (size - 24)))
    match major:
        case 0:
            return number
        case 1:
            return -1 - number
        case 2:
            return _take(stream, number)
        case 3:
            return _take(stream, number).decode()
        case 4:
            return [read(stream) for _ in range(number)]
        case 5:
            return {read(stream): read(stream) for _ in range(number)}
    return _tagged(number, read(stream))


def _tagged(tag: int, value: Any) -> Any:
    if tag == _POSITIVE:
        return int.from_bytes(value)
    if tag == _NEGATIVE:
        return -1 - int.from_bytes(value)
    if tag == _DECIMAL:
        exponent, mantissa = value
        return Decimal((int(mantissa < 0), tuple(map(int, str(abs(mantissa)))), exponent))
    return Tagged(tag, value)


def _take(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    power = next(power for power in range(4) if number < 1 << (8 << power))
    return bytes([major << 5 | 24 + power]) + number.to_bytes(1 << power)


def _encode_int(number: int) -> bytes:
    major, magnitude = (0, number) if number >= 0 else (1, -1 - number)
    if magnitude < 1 << 64:
        return _head(major, magnitude)
    return _head(6, _NEGATIVE if major else _POSITIVE) + encode(magnitude.to_bytes((magnitude.bit_length() + 7) // 8))
