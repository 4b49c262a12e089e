"""Contents of JSON files after a power cut, a mistake or an attack."""

DAMAGED_JSON = {
    "empty": b"",
    "zeros": bytes(64),
    "text": b"not JSON",
    "another encoding": b"\xff\xfe{\x00}",
    "cut short": b'{"name": ',
    "a list": b"[]",
    "too deep": b'{"name": ' + b"[" * 200_000,
    "a number too long": b'{"name": ' + b"9" * 10_000 + b"}",
}
