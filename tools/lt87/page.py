"""The tables of docs/lt87.md, written from the table between `<!-- lt87 NAME -->` and `<!-- end -->`."""

from __future__ import annotations

import re
from pathlib import Path

from firmware.switch import profile
from tools.lt87 import layouts
from tools.lt87.table import Field, Tag, fields, responses, tags

PAGE = Path(__file__).resolve().parents[2] / "docs" / "lt87.md"
_BLOCK = re.compile(r"(<!-- lt87 (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_VARIABLE = "L"


def _table(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _bcd(field: Field) -> str:
    """Bytes of a field in the packed spelling."""
    size = (field.length + 1) // 2 if field.kind == "n" else field.length
    if not field.prefix:
        return str(size)
    return f"{(field.prefix + 1) // 2} + 0..{size}" if field.kind != "n" else f"{(field.prefix + 1) // 2} + 1..{size}"


def _carried(de: int) -> bool:
    return any(letter != "-" for letter in layouts.PRESENCE[de])


def _fields() -> str:
    body = []
    for f in fields():
        shortest = 1 if f.kind == "n" else 0
        length = f"{_VARIABLE * f.prefix} {shortest}..{f.length}" if f.prefix else str(f.length)
        meaning = f.meaning if _carried(f.de) else f"{f.meaning}; not sent in this cut, skipped when received"
        body.append([str(f.de), f.kind, length, _bcd(f), meaning])
    return _table(["DE", "format", "length", "BCD bytes", "encoding"], body)


def _cell(de: int, column: int) -> str:
    letter = layouts.PRESENCE[de][column]
    answer = column % 2 == 1
    insisted = answer and letter in "ME" and (de in profile.INSISTED or de in (64, 128))
    return letter + ("!" if insisted else "")


def _presence() -> str:
    body = [
        [str(de), *(_cell(de, column) for column in range(len(layouts.COLUMNS)))]
        for de in layouts.PRESENCE
        if _carried(de)
    ]
    return _table(["DE", *layouts.COLUMNS], body)


def _messages() -> str:
    body = [[request, answer, purpose, "yes"] for (request, answer), purpose in layouts.MESSAGES.items()]
    body += [[request, answer, purpose, "not yet"] for (request, answer), purpose in layouts.LATER.items()]
    return _table(["request", "answer", "what", "in this cut"], body)


def _length(tag: Tag) -> str:
    return str(tag.longest) if tag.shortest == tag.longest else f"{tag.shortest}..{tag.longest}"


def _where(tag: Tag) -> str:
    """Message types that carry a tag today."""
    found = []
    for row in layouts.TAGS:
        mti = row.message[:4]
        if tag.tag in layouts.tags_of(f"{row.sent} {row.sometimes}"):
            found.append(mti)
        if tag.tag in layouts.tags_of(f"{row.answered} {row.of_member} {row.when_known}"):
            found.append(profile.answer_mti(mti))
    return " ".join(sorted(set(found))) or "-"


def _tags() -> str:
    body = [
        [f"{t.tag:02X}", t.name, _length(t), t.meaning + ("; repeats" if t.repeats else ""), _where(t)] for t in tags()
    ]
    return _table(["tag", "name", "length", "value", "today in"], body)


def _carriers() -> str:
    body = []
    for row in layouts.TAGS:
        sent = row.sent + "".join(f", {tag}?" for tag in row.sometimes.split())
        answered = row.answered + (f", known member: {row.of_member}" if row.of_member else "")
        answered += "".join(f", {tag}?" for tag in row.when_known.split())
        body.append([row.message, sent, answered + (f" ({row.remark})" if row.remark else "")])
    return _table(["message", "tags the terminal sends", "tags the switch answers (`?` when it has it)"], body)


def _responses() -> str:
    body = [["any other" if r.code == "??" else r.code, r.meaning, r.live, r.advice, r.reversal] for r in responses()]
    return _table(["code", "meaning", "online request", "queued advice", "queued reversal"], body)


BLOCKS = {
    "messages": _messages,
    "fields": _fields,
    "presence": _presence,
    "tags": _tags,
    "carriers": _carriers,
    "responses": _responses,
}


def written(text: str) -> str:
    """The page with its tables as the table says. Raises ValueError when a block is missing or unknown."""
    found = [name for _, name, _, _ in _BLOCK.findall(text)]
    if sorted(found) != sorted(BLOCKS):
        raise ValueError(f"blocks {found} are not {sorted(BLOCKS)}")
    return _BLOCK.sub(lambda block: f"{block[1]}\n{BLOCKS[block[2]]()}\n{block[4]}", text)
