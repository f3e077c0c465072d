"""docs/lt87.md is what the table says, and what the terminal sends and reads; foreign specifications follow from it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.core import refusals
from firmware.core.errors import BadMessage
from firmware.core.keyed import keyed_uid
from firmware.core.types import (
    APPROVED,
    CLOCK_OK,
    ENROL,
    ISSUE,
    OFFLINE,
    REDEMPTION,
    REMARK,
    SETTLED,
    USE,
    JournalEntry,
    Transaction,
)
from firmware.loyalty.totals import Totals
from firmware.switch import batch, download, profile, reserve, tlv
from firmware.switch.link import tpdu_to
from firmware.switch.messages import reversal_of
from firmware.switch.profile import ECHO, SIGN_ON
from host_tests.patience import PATIENCE_S
from host_tests.unit import lt87_kit
from host_tests.unit.refusal_kit import HOST_REFUSALS
from host_tests.unit.switch_kit import (
    KID,
    NOW,
    PACKED,
    SPEC,
    UID,
    answer,
    member_tags,
    messages,
    seal,
    split,
    transaction,
)
from tools.bench import link_costs
from tools.bench_switch import messages as switch_messages
from tools.bench_switch.codec import tlv as switch_tlv
from tools.bench_switch.codec import wire as switch_wire
from tools.lt87 import layouts, page, specs
from tools.lt87.table import fields, responses, tags

TEXT = page.PAGE.read_text(encoding="utf-8")


def test_the_page_is_what_the_table_writes():
    assert page.written(TEXT) == TEXT, "python -m tools.lt87 docs"


def test_a_page_without_one_of_its_tables_is_refused():
    with pytest.raises(ValueError):
        page.written(TEXT.replace("<!-- lt87 tags -->", ""))


def examples(section: str) -> dict[str, bytes]:
    """The messages a section of the page spells out, in order, by name."""
    part = TEXT.split(f"### {section}\n")[1].split("\n### ")[0]
    blocks = re.findall(r"^`([^`]+)` \((\d+) bytes\)\n\n```\n([0-9a-f\n]+)```", part, re.M)
    found = {name: bytes.fromhex(text.replace("\n", "")) for name, _, text in blocks}
    assert [len(raw) for raw in found.values()] == [int(size) for _, size, _ in blocks]
    return found


@pytest.mark.parametrize(("section", "packed"), [("Plain", False), ("Packed", True)])
def test_the_examples_of_the_page_are_what_the_terminal_sends_and_reads(section, packed):
    given = examples(section)
    make, sale = messages(packed), transaction()
    undo = reversal_of(sale, 43, NOW + 7, CLOCK_OK)
    sent = {
        "0800 sign-on": make.network(SIGN_ON, 5, NOW, CLOCK_OK),
        "0200 accrual": make.request(sale),
        "0220 advice": make.advice(transaction(seq=44, mode=OFFLINE), NOW + 60, repeat=False),
        "0420 reversal": make.reversal(undo, sale, NOW + 60, repeat=False),
    }
    if packed:
        to, back = tpdu_to(1), bytes.fromhex("6000000001")
        assert all(raw[:5] == (back if name.endswith("it") else to) for name, raw in given.items())
        given = {name: raw[5:] for name, raw in given.items()}
    assert {name: given.pop(name) for name in sent} == {name: out.raw for name, out in sent.items()}
    assert sorted(given) == ["0210 to it", "0810 to it"]
    assert make.read_answer(given["0810 to it"]).key == sent["0800 sign-on"].key
    reply = make.reply(make.read_answer(given["0210 to it"]), UID)
    assert (reply.rc, reply.points, reply.balance, reply.approval) == ("00", 125, 1375, "A1B2C3")


def every_request(packed: bool) -> list[tuple[str, bytes]]:
    """One message of every kind the terminal sends: what section 4 calls it, and its bytes."""
    make, sale = messages(packed), transaction(clerk=12, card_counter=61)
    typed = transaction(mode=OFFLINE, uid=KEYED, details=tlv.pack([(profile.TAG_SUPERVISOR, b"2")]))
    late = transaction(mode=OFFLINE, clerk=12, card_counter=61)
    undo = reversal_of(sale, 43, NOW + 7, CLOCK_OK)
    make.in_force = held = [(profile.TAG_CFG, b"\0\7"), (profile.TAG_HOTLIST, b"\0\3")]
    spent = transaction(mode=OFFLINE, verb=REDEMPTION, points=-500, allowance=9)
    ended = reserve.ended(NOW)
    cleared = [(profile.TAG_DISPUTE, bytes(4)), (profile.TAG_ADMIN, b"\1")]
    pin = download.Pin(8, 1000, bytes(8))
    return [
        (
            "0800 sign-on",
            make.network(SIGN_ON, 5, NOW, CLOCK_OK, held + cleared + ended + [(profile.TAG_DIAG, b"velocity")]).raw,
        ),
        (
            "0800 sign-off, echo",
            make.network(ECHO, 5, NOW, CLOCK_OK, held + cleared + ended + [(profile.TAG_DIAG, b"unsettled 3")]).raw,
        ),
        ("0800 download", download.request(make, download.CONFIG, 5, NOW, CLOCK_OK, 240, pin).raw),
        ("0800 download", download.request(make, download.MEMBERS, 5, NOW, CLOCK_OK, 0, None, 12).raw),
        ("0100", make.inquiry(UID, 0, 5, NOW, CLOCK_OK, 61, b"\x01" + bytes(24)).raw),
        ("0100", make.inquiry(UID, 0, 5, NOW, CLOCK_OK, step=b"\x01" + bytes(17), allowance=(9, 500)).raw),
        ("0100", make.inquiry(UID, 0, 5, NOW, CLOCK_OK, more=MARKED).raw),
        ("0100", make.inquiry(b"", 0, 5, NOW, CLOCK_OK, more=[(profile.TAG_VOUCHER, b"1234567897")]).raw),
        ("0100", make.inquiry(KEYED, 0, 5, NOW, CLOCK_OK, more=[(profile.TAG_REASON, b"\2")]).raw),
        *[("0100 enrolment", make.request(said).raw) for said in enrolments()],
        ("0200", make.request(sale, (0, 0)).raw),
        ("0200", make.request(transaction(uid=KEYED, details=tlv.pack([(profile.TAG_CODE, b"123456")]))).raw),
        ("0220/0221", make.advice(typed, NOW, repeat=False).raw),
        ("0420/0421", make.reversal(undo, transaction(uid=KEYED), NOW, repeat=False).raw),
        ("0320/0321", batch.record(make, 7, JournalEntry(transaction(uid=KEYED), APPROVED), NOW, repeat=False).raw),
        *[("0200", make.request(said).raw) for said in with_offers()],
        ("0200", make.request(transaction(verb=REDEMPTION, points=-500), (9, 500)).raw),
        ("0220/0221", make.advice(late, NOW, repeat=True).raw),
        ("0220/0221", make.advice(transaction(mode=OFFLINE, details=tlv.pack([BACK, *MARKED])), NOW, repeat=True).raw),
        ("0220/0221", make.advice(spent, NOW, repeat=False).raw),
        *[("0120/0121", make.advice(said, NOW, repeat=False).raw) for said in without_money()],
        ("0420/0421", make.reversal(undo, sale, NOW, repeat=False).raw),
        ("0320/0321", batch.record(make, 7, JournalEntry(sale, APPROVED), NOW, repeat=False).raw),
        ("0320/0321", batch.record(make, 7, JournalEntry(late, SETTLED), NOW, repeat=True).raw),
        ("0500/0501", batch_totals(make)),
    ]


KEYED = keyed_uid("9123456789")
BACK = (profile.TAG_WINBACK, b"\1")
MARKED = [(profile.TAG_FLAGS, b"\1"), (profile.TAG_BASKET, b"\4")]


def with_offers() -> list[Transaction]:
    """A multi-buy as a gift, a voucher with a card and without, one made good, a reward."""
    p, priced = profile, (profile.TAG_OFFER, b"\0\0" + (125_000).to_bytes(5, "big") + b"\0")
    number = (p.TAG_VOUCHER, b"1234567897")
    return [
        transaction(details=tlv.pack([BACK, *MARKED, (p.TAG_OFFER, b"\0\7" + (125_000).to_bytes(5, "big") + b"\3")])),
        transaction(details=tlv.pack([number, priced])),
        transaction(verb=USE, uid=b"", auth=0, points=0, details=tlv.pack([number, priced])),
        transaction(verb=ISSUE, points=0, details=tlv.pack([(p.TAG_REASON, b"\1"), (p.TAG_SUPERVISOR, b"2")])),
        transaction(verb=REDEMPTION, points=-500, details=tlv.pack([(p.TAG_REWARD, b"\0\1")])),
    ]


def enrolments() -> list[Transaction]:
    """A new member with all that may be said, and a card that is replaced."""
    p, mobile = profile, (profile.TAG_MOBILE, KEYED[5:])
    joins = [mobile, (p.TAG_CONSENT, b"\1"), (p.TAG_CHANNEL, b"\1fa"), (p.TAG_BIRTHDAY, b"\1\1")]
    joins += [(p.TAG_REFERRER, b"01223346"), (p.TAG_SUPERVISOR, b"2")]
    again = [mobile, (p.TAG_REASON, b"\1"), (p.TAG_CODE, b"123456")]
    return [
        transaction(verb=ENROL, amount=0, points=100, clerk=12, card_counter=61, details=tlv.pack(joins)),
        transaction(verb=ENROL, amount=0, points=0, details=tlv.pack(again)),
    ]


def without_money() -> list[Transaction]:
    """An answer with and without a name, a reason, a dispute, and an enrolment while the line was down."""
    remark = {"mode": OFFLINE, "verb": REMARK, "amount": 0, "points": 0}
    mobile, p = bytes.fromhex("9121234567"), profile
    joins = [(p.TAG_MOBILE, mobile), (p.TAG_CONSENT, b"\1"), (p.TAG_CHANNEL, b"\1fa"), (p.TAG_BIRTHDAY, b"\1\1")]
    joins += [(p.TAG_REFERRER, b"1001"), (p.TAG_SUPERVISOR, b"2")]
    about = [(p.TAG_DISPUTE, bytes(4)), (p.TAG_ORIGINAL, b"632603000001"), (p.TAG_REASON, b"\1")]
    return [
        transaction(**remark, clerk=12, card_counter=61, details=tlv.pack([(p.TAG_SURVEY, b"\1\4\0")])),
        transaction(**{**remark, "uid": b"", "auth": 0}, details=tlv.pack([(p.TAG_SURVEY, b"\1\4\1")])),
        transaction(**remark, details=tlv.pack([(p.TAG_REASON, b"\2")])),
        transaction(**remark, details=tlv.pack(about)),
        transaction(**{**remark, "verb": ENROL}, details=tlv.pack(joins)),
    ]


def batch_totals(make) -> bytes:
    """The example of section 15."""
    totals = Totals()
    totals.add(JournalEntry(transaction(), APPROVED))
    fields = {**batch.totals_fields(profile.CODE_TOTALS, 7, totals, True, 12), 49: "364"}
    tags = [(profile.TAG_CLOCK, b"\2"), (profile.TAG_CHAIN, bytes(range(8)))]
    return make.finish("0500", fields, 5 | profile.SESSION_BIT, NOW, tags).raw


@pytest.mark.parametrize("packed", [False, True])
def test_the_terminal_sends_the_fields_and_tags_its_layout_says(packed):
    may = {row.message: row for row in layouts.TAGS}
    often: dict[str, set[int]] = {}
    for name, raw in every_request(packed):
        found, found_tags = split(raw, packed)
        numbers = {int(de) for de in found if de.isdigit() and de != "1"}
        of_enrolment = {4} if name == "0100 enrolment" else set()  # section 18: an inquiry has no DE 4
        assert numbers == layouts.mandatory(found["t"], packed=packed) | of_enrolment, name
        row = may[name]
        assert layouts.tags_of(row.sent) <= set(found_tags)
        often.setdefault(name, set()).update(set(found_tags) - layouts.tags_of(row.sent))
    assert often == {row.message: layouts.tags_of(row.sometimes) for row in layouts.TAGS}


def test_an_answer_without_what_the_terminal_insists_on_is_ignored():
    make = messages()
    asked = make.request(transaction())
    whole, content = split_answer(answer(asked.raw, points=125, balance=1375))
    make.read_answer(seal({**whole, "48": content}))
    for de in (7, 11, 39, 41, 48):
        with pytest.raises(BadMessage):
            make.read_answer(seal({name: value for name, value in {**whole, "48": content}.items() if name != str(de)}))
    kept = {0x01: "01040000002a", 0x0E: "0e046afd86c5", 0x60: f"6001{KID:02x}"}
    make.read_answer(seal({**whole, "48": "".join(kept.values())}))
    for tag in (0x01, 0x0E, 0x60):
        with pytest.raises(BadMessage):
            make.read_answer(seal({**whole, "48": "".join(v for t, v in kept.items() if t != tag)}))


def split_answer(raw: bytes) -> tuple[dict[str, str], str]:
    """Fields of an answer without what `seal` makes, and its DE 48."""
    import iso8583

    found, _ = iso8583.decode(raw, SPEC)
    content = found.pop("48")
    return {name: value for name, value in found.items() if name not in ("p", "1", "64", "128")}, content


def test_the_switchs_own_reading_of_the_page_agrees_with_the_table():
    numbers = {str(f.de): (f.prefix, f.length) for f in fields()}
    assert {de: row[:2] for de, row in switch_wire.FIELDS.items()} == numbers
    allowed = {"n": switch_wire.N, "an": switch_wire.AN, "ans": switch_wire.ANS, "b": None}
    assert {de: row[2] for de, row in switch_wire.FIELDS.items()} == {str(f.de): allowed[f.kind] for f in fields()}
    ours = {t.tag: (t.name, t.shortest, t.longest) for t in tags()}
    assert {tag: row[:3] for tag, row in switch_tlv.TAGS.items()}.items() <= ours.items()
    for mti, wanted in switch_messages.MANDATORY.items():
        assert {int(de) for de in wanted} | {layouts_mac(mti)} == layouts.mandatory(mti)
    for mti, echoed in switch_messages.ECHOED.items():
        assert {int(de) for de in echoed} == {de for de in layouts.PRESENCE if layouts.letter(de, mti) == "E"}
    assert {mti: profile.answer_mti(mti) for mti in switch_messages.ANSWERS} == switch_messages.ANSWERS


def layouts_mac(mti: str) -> int:
    """Where the MAC of a message type stands."""
    return 128 if mti in switch_wire.SECONDARY else 64


def test_every_code_stands_once_and_only_an_approval_settles_an_advice():
    known = {row.code for row in responses()}
    assert len(known) == len(responses())
    assert {rc for rc in known if profile.approved(rc)} == {"00", "10", "94"}
    assert {rc for rc in known if profile.fate(rc, False) == profile.SETTLE} == {"00", "10", "94"}
    assert {rc for rc in known if profile.fate(rc, True) == profile.SETTLE} == {"00", "10", "94", "25"}
    assert not any(profile.fate(rc, True) == profile.BURY for rc in known), "no code buries a reversal"


def test_every_refusal_a_person_can_meet_has_a_text():
    refused = {row.code for row in responses() if row.live == "refused"} - {
        "??",
        "95",
    }  # 95 answers no person's request
    assert {f"H{rc}" for rc in refused} | {refusals.OTHER_HOST_REFUSAL} == set(HOST_REFUSALS)


def test_any_other_code_is_a_refusal():
    for rc in ("05", "99", "0x", "--", "??"):
        assert (profile.verdict(rc), profile.fate(rc, False), profile.fate(rc, True)) == (
            profile.REFUSED,
            profile.BURY,
            profile.KEEP,
        )


def test_specifications_for_pyiso8583_are_the_hand_written_ones():
    for wire, ours in (("ascii", SPEC), ("bcd", PACKED)):
        made = specs.pyiso8583(wire)
        assert made.keys() == ours.keys()
        for de, row in made.items():
            written = {**ours[de], "desc": row["desc"]}
            if written["data_enc"] == "ascii":
                written["data_enc"] = "latin-1"
            if de in ("h", "t", "p", "1") or not row["len_type"]:
                written["len_enc"] = row["len_enc"]  # of a fixed field it means nothing
            assert row == written, de


def test_the_command_prints_each_specification():
    for codec in ("pyiso8583", "iso_8583", "iso8583sim"):
        command = [sys.executable, "-m", "tools.lt87", "spec", "--for", codec, "--wire", "bcd"]
        done = subprocess.run(
            command, cwd=page.PAGE.parents[1], capture_output=True, text=True, timeout=PATIENCE_S, check=True
        )
        assert json.loads(done.stdout) == json.loads(json.dumps(specs.specification(codec, "bcd")))
    assert sorted({mti for mti in lt87_kit.MTIS}) == sorted(lt87_kit.MTIS)


def test_nothing_of_the_product_imports_another_codec():
    root = Path(page.PAGE).parents[1]
    for path in [*root.glob("firmware/**/*.py"), *root.glob("drivers/**/*.py"), root / "main.py", root / "boot.py"]:
        assert not re.search(r"^\s*(from|import) (iso8583|iso8583sim)\b", path.read_text(), re.M), path
    for path in root.glob("tools/**/*.py"):
        assert "import iso8583sim" not in path.read_text(), path


def test_a_full_accrual_is_small():
    sizes = link_costs.wire_bytes()
    assert sizes["ascii"] <= link_costs.ASCII_MOST == 190 and sizes["bcd"] <= link_costs.BCD_MOST == 120


def test_members_are_told_alike_in_both_spellings():
    for packed in (False, True):
        make = messages(packed)
        out = make.request(transaction())
        raw = answer(out.raw, points=125, balance=-20, approval="A1B2C3", tags=member_tags("علی"), packed=packed)
        reply = make.reply(make.read_answer(raw), UID)
        assert (reply.points, reply.balance, reply.member.name) == (125, -20, "علی")
