"""TOML files of any content: strategies, and what writes them, which the standard library does not."""

import json

from hypothesis import strategies as st


def toml(table) -> str:
    """Write a table as TOML, everything inline."""
    return "".join(f"{json.dumps(name)} = {_value(value)}\n" for name, value in table.items())


def _value(value) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(name)} = {_value(one)}" for name, one in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_value, value)) + "]"
        case bool():
            return str(value).lower()
        case float():
            return "nan" if value != value else repr(value)
        case int():
            return repr(value) if abs(value) < 2**63 else repr(float(value % 2**52))
    return json.dumps(str(value))


plain = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=15)
scalars = st.one_of(
    st.booleans(), st.integers(-5, 2000), st.floats(), plain, st.sampled_from(["nan", "none", "tonic"])
)
trees = st.recursive(
    scalars,
    lambda part: st.one_of(st.lists(part, max_size=3), st.dictionaries(plain, part, max_size=3)),
    max_leaves=6,
)
NOT_TOML = [
    b"\xff\xfe\x00",
    b"a = 1\na = 2\n",
    b"[a]\n[a]\n",
    b"a = " + b"[" * 100_000,
    b"a." * 50_000 + b"a = 1",
    b"[" + b"'a' . " * 20_000 + b"a]",
    b"a = " + b"{b=" * 5000,
    b"a = " + b"9" * 5000,
    b"a = 1e400\nb = 99999999999999999999999999\n",
    b"a = 9999-99-99",
    b"\x00",
    b"",
]
raw = st.one_of(st.binary(max_size=80), st.sampled_from(NOT_TOML))


def contents(tables):
    """Bytes of a file: mostly a table of that kind, as it should be or with a byte changed; or anything."""
    whole = tables.map(lambda table: toml(table).encode("utf-8", "replace"))
    spoilt = st.builds(
        lambda content, at, byte: (
            content[: at % (len(content) + 1)] + byte + content[at % (len(content) + 1) + 1 :]
        ),
        whole,
        st.integers(0, 2000),
        st.binary(max_size=2),
    )
    return st.one_of(whole, whole, whole, spoilt, trees.map(lambda tree: toml({"a": tree}).encode()), raw)


def put(folder, name, content):
    file = folder.getbasetemp() / name
    file.write_bytes(content)
    return file
