"""Whoever writes the flash or edits the capture, but has no keys, deceives nobody: a loss is seen or there is none."""

from __future__ import annotations

import random
from binascii import crc32
from collections.abc import Callable
from pathlib import Path
from struct import pack_into, unpack_from

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware.core import types
from firmware.core.types import ACCRUAL, OFFLINE, ONLINE, Transaction
from firmware.store.journal import Journal
from host_tests.unit.test_device_journal import NAME, SEALER, UID, Shop, events, grave, run
from host_tests.unit.test_store_export import SECTORS, lines_of
from tools.device import audit as audits
from tools.device import capture as captures
from tools.device.evidence import UNPROVEN
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn

BLANK = b"\xff" * 4096


class Capture:
    """The lines of an export without numbers and sums, which anybody can put on again."""

    def __init__(self, journal: Journal) -> None:
        self.begin, *self.texts = [line.split(" ", 1)[1].rpartition(" ")[0] for line in lines_of(journal)][:-1]

    def lines(self) -> list[str]:
        gone = sum(text.endswith(" gone") for text in self.texts)
        count = len(self.texts) + 1
        texts = [self.begin, *self.texts, f"end {count} {count - 1 - gone} {gone}"]
        numbered = [f"J{number:x} {text}" for number, text in enumerate(texts)]
        return [f"{text} {crc32(text.encode()):08x}" for text in numbered]

    def audit(self) -> audits.Audit:
        taken = captures.parsed("\n".join(self.lines()).encode())[0]
        assert taken.complete
        return audits.audit(taken, SEALER)

    def without(self, generation: int) -> None:
        self.texts = [text for text in self.texts if text.split(".")[1] != f"{generation:x}"]


def told(found: audits.Audit) -> list[tuple[int, str, str]]:
    return [(row.transaction.seq, row.state, row.rc) for row in found.rows]


def unproven(found: audits.Audit) -> list[str]:
    return [finding.what for finding in found.findings if finding.level == UNPROVEN]


def long_queue() -> Shop:
    """Five sectors of sales; the first needed one is that of generation 2."""
    shop = Shop(0)
    journal = shop.journal
    for n in range(220):
        seq = journal.next_seq()
        journal.append(Transaction(seq, ACCRUAL, OFFLINE, UID, 2, 1000, n, 1790000000 + n, 2))
    journal.settle_all([t.seq for t in journal.pending()][:80])
    journal.append(Transaction(journal.next_seq(), ACCRUAL, OFFLINE, UID, 2, 1, 1, 1, 2))
    found = shop.audit()
    assert found.tail == 2 and found.newest_generation == 4 and not found.findings
    return shop


def sector_with(shop: Shop, generation: int) -> int:
    return next(s for s in range(SECTORS) if unpack_from("<I", shop.nor.image, s * 4096 + 8)[0] == generation)


# --- generations and tails --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forged", [False, True])
@pytest.mark.parametrize("lost", [2, 3])
def test_a_needed_generation_that_vanished_is_missed_whatever_the_tail_is_said_to_be(lost: int, forged: bool) -> None:
    shop = long_queue()
    capture = Capture(shop.reopened())
    capture.without(lost)
    if forged:
        at = sector_with(shop, 4) * 4096
        for copy in (at, at + 32):
            pack_into("<H", shop.nor.image, copy + 6, 0)  # behind: nothing older is needed
            pack_into("<I", shop.nor.image, copy + 28, crc32(shop.nor.image[copy : copy + 28]))
        fake = Capture(shop.journal)
        capture.begin = "begin 1 8 4 4"
        capture.texts = [text for text in fake.texts if text.split(".")[1] != f"{lost:x}"]
    said = grave(capture.audit())
    expected = "generation 2 is needed and not there" if lost == 2 else "a record is missing between SEQ"
    assert any(what.startswith(expected) for what in said)
    assert any("a header was altered" in what for what in said) == forged


def test_a_line_that_says_gone_excuses_no_needed_generation() -> None:
    capture = Capture(long_queue().reopened())
    capture.without(2)
    capture.texts.insert(0, "1.2 gone")
    assert any("needed and not there" in what for what in grave(capture.audit()))


def test_what_is_settled_and_recycled_is_missed_by_nobody() -> None:
    shop = long_queue()
    capture = Capture(shop.reopened())
    capture.without(1)
    found = capture.audit()
    assert not found.findings
    assert [row.place for row in found.rows] == [row.place for row in shop.audit().rows if row.place[0] > 1]


def test_a_generation_that_began_after_the_last_line_is_asked_for() -> None:
    capture = Capture(long_queue().reopened())
    capture.without(4)
    found = capture.audit()
    assert unproven(found) == ["the export began at generation 4, of which nothing is there"]


def test_what_was_cut_off_at_the_end_shows_only_to_who_knows_the_tag_of_an_earlier_time(tmp_path: Path) -> None:
    shop = long_queue()
    known = shop.audit()
    name = f"{known.newest_tag.hex()}@{known.newest_generation}"
    assert run(tmp_path, lines_of(shop.reopened()), "--terminal", NAME, "--last-tag", name).exit_code == 0
    newest = max(shop.frames_at(1), key=lambda at: (unpack_from("<I", shop.nor.image, at // 4096 * 4096 + 8), at))
    end = newest // 4096 * 4096 + 4096
    shop.nor.image[newest:end] = b"\xff" * (end - newest)
    lines = Capture(shop.reopened()).lines()
    assert run(tmp_path, lines, "--terminal", NAME).exit_code == 0
    for known_tag in (name, name.split("@")[0]):
        result = run(tmp_path, lines, "--terminal", NAME, "--last-tag", known_tag)
        assert result.exit_code == 6 and events(result)[-1]["code"] == "D52"
        assert "of --last-tag is not there" in result.stderr
    older = run(tmp_path, lines, "--terminal", NAME, "--last-tag", name.split("@")[0] + "@1")
    assert older.exit_code == 0 and "was recycled since" in older.stderr
    assert run(tmp_path, lines, "--terminal", NAME, "--last-tag", "12").exit_code == 2


# --- headers ----------------------------------------------------------------------------------------------------------


def test_sectors_without_headers_are_read_by_their_frames() -> None:
    shop = long_queue()
    expected = told(shop.audit())
    for generation in (2, 3, 4):
        at = sector_with(shop, generation) * 4096
        shop.nor.image[at : at + 64] = bytes(64)
    capture = Capture(shop.journal)
    capture.texts = [text.replace(".3.", ".0.").replace(".2.", ".0.", 1) for text in capture.texts]
    found = capture.audit()
    assert [row for row in told(found) if row[1] == "unknown"] == [] and told(found) == expected
    assert not grave(found)


def test_a_sector_moved_to_another_place_is_told_and_lies_about_nothing() -> None:
    shop = long_queue()
    expected = told(shop.audit())
    one, other = sector_with(shop, 2) * 4096, 7 * 4096
    shop.nor.image[other : other + 4096] = shop.nor.image[one : one + 4096]
    shop.nor.image[one : one + 4096] = BLANK
    found = audits.audit(everything(shop.nor), SEALER)
    assert any("belongs elsewhere" in what for what in grave(found)) and told(found) == expected


def everything(nor: Nor) -> captures.Capture:
    """As `wipe --save` and a refused terminal's console send it."""
    from firmware.store.export import Export, Raw
    from firmware.store.flash import Flash

    flash = Flash(NorPartition(nor, 0, SECTORS, False))
    export, lines = Export(flash, Raw(flash), True), []
    while (line := export.line()) is not None:
        lines.append(line)
    return captures.parsed("\n".join(line for line in lines if line).encode())[0]


def test_a_sector_of_a_former_journal_of_the_same_terminal_is_told() -> None:
    former = Nor(SECTORS * 4096, None, seed=1)
    Journal(NorPartition(former, 0, SECTORS, False), SEALER, 55).open()
    shop = long_queue()
    shop.nor.image[:4096] = former.image[:4096]
    found = audits.audit(everything(shop.nor), SEALER)
    assert "1 sectors are of a former journal" in grave(found)


def test_a_fork_of_the_flash_shows_where_both_claim_one_place() -> None:
    shop = Shop(20)
    before = bytes(shop.nor.image)
    capture = Capture(shop.journal)
    shop.journal.append(Transaction(shop.journal.next_seq(), ACCRUAL, OFFLINE, UID, 2, 5, 5, 5, 2))
    one = Capture(shop.journal)
    shop.nor.image[:] = before
    journal = shop.reopened()
    journal.append(Transaction(journal.next_seq(), ACCRUAL, OFFLINE, UID, 2, 9, 9, 9, 2))
    other = Capture(journal)
    new = [text for text in other.texts if text not in capture.texts]
    one.texts += [text.replace(".1.", ".9.", 1) for text in new]
    assert any("claim one place" in what for what in grave(one.audit()))


# --- records ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("how", [bytes, lambda n: b"\xff" * n])
def test_no_record_of_any_kind_can_be_taken_out(kind: int, how: Callable[[int], bytes]) -> None:
    shop = Shop(30)
    journal = shop.journal
    seq = journal.next_seq()
    journal.append(Transaction(seq, ACCRUAL, OFFLINE, UID, 2, 5, 5, 5, 2))
    journal.void(seq, 1, 6)
    journal.append(Transaction(journal.next_seq(), ACCRUAL, OFFLINE, UID, 2, 5, 5, 5, 2))
    assert not shop.audit().findings
    assert [state for s, state, _ in told(shop.audit()) if s == seq] == ["voided"]
    for at in shop.frames_at(kind):
        copy = Shop.__new__(Shop)
        copy.nor = Nor(SECTORS * 4096, None)
        copy.nor.image[:] = shop.nor.image
        length = unpack_from("<H", shop.nor.image, at + 4)[0]
        copy.nor.image[at : at + 12 + length] = how(12 + length)
        found = audits.audit(everything(copy.nor), SEALER)
        later = [a for a in copy.frames_at(1) + copy.frames_at(2) + copy.frames_at(6) if a > at]
        assert grave(found) or unproven(found) or not later, at
        assert copy.reopened().gaps() or not grave(found)


def test_what_stood_before_the_last_settlement_is_not_proven_until_the_next_sale() -> None:
    shop = Shop(3)
    journal = shop.journal
    journal.bury(next(journal.pending()).seq, "14")
    dead = max(shop.frames_at(4))
    journal.settle_all([t.seq for t in journal.pending()])
    assert not shop.audit().findings
    shop.nor.image[dead : dead + 64] = b"\xff" * 64
    found = shop.audit()
    assert not grave(found) and len(unproven(found)) == 1 and "the next sale will" in unproven(found)[0]


@pytest.mark.parametrize("records", [1, 2, 5])
def test_the_newest_records_that_were_destroyed_are_not_proven_until_the_next_sale(records: int) -> None:
    shop = Shop(0)
    for n in range(records):
        shop.journal.append(Transaction(shop.journal.next_seq(), ACCRUAL, OFFLINE, UID, 2, 5, n, 5, 2))
    assert not shop.audit().findings
    for at in shop.frames_at(1):
        shop.nor.image[at : at + 64] = bytes(64)
    found = audits.audit(everything(shop.nor), SEALER)
    assert not grave(found) and ["the next sale will" in what for what in unproven(found)] == [True]


def test_what_a_power_cut_left_at_the_end_is_no_alarm_and_the_next_sale_proves_it() -> None:
    shop = Shop(5)
    sale = Transaction(shop.journal.next_seq(), ACCRUAL, OFFLINE, UID, 2, 5, 5, 5, 2)
    shop.nor.cut_at(1, Torn.HALF)
    with pytest.raises(PowerCut):
        shop.journal.append(sale)
    shop.nor.power_on()
    journal = shop.reopened()
    found = audits.audit(everything(shop.nor), SEALER)
    assert not grave(found) and len(unproven(found)) == 1
    journal.append(Transaction(journal.next_seq(), ACCRUAL, OFFLINE, UID, 2, 5, 5, 5, 2))
    found = audits.audit(everything(shop.nor), SEALER)
    assert not grave(found) and not unproven(found)


def test_the_first_records_that_are_needed_cannot_be_taken_out() -> None:
    shop = long_queue()
    capture = Capture(shop.reopened())
    capture.without(1)
    assert not capture.audit().findings
    capture.texts = [text for text in capture.texts if not text.startswith("1.2.40 ")]
    found = capture.audit()
    assert grave(found) or unproven(found)


def test_a_promise_written_while_the_journal_still_loads_breaks_no_link() -> None:
    shop = long_queue()
    for pieces in range(8):
        journal = shop.reopened()
        for _ in range(pieces):
            journal.load()
        journal.continue_above(journal.highest_seq() + 100)
        journal.append(Transaction(journal.next_seq(), ACCRUAL, OFFLINE, UID, 2, 5, 5, 5, 2))
        assert journal.gaps() == 0 and shop.reopened().gaps() == 0 and not shop.audit().findings


def test_a_void_of_former_days_that_was_taken_out_leaves_no_sale_that_looks_settled() -> None:
    shop = Shop(0)
    journal = shop.journal
    voided = journal.next_seq()
    journal.append(Transaction(voided, ACCRUAL, OFFLINE, UID, 2, 5, 5, 5, 2))
    journal.void(voided, 1, 6)
    for _ in range(130):
        seq = journal.next_seq()
        journal.append(Transaction(seq, ACCRUAL, OFFLINE, UID, 2, 5, 5, 5, 2))
        journal.settle(seq)
    assert shop.audit().tail > 1 and told(shop.audit())[0] == (voided, "voided", "")
    void = shop.frames_at(6)[0]
    shop.nor.image[void : void + 60] = bytes(60)
    found = shop.audit()
    assert not grave(found) and "may be erased" in found.findings[-1].what
    assert told(found)[0] == (voided, "unknown", "")


# --- any mutation -----------------------------------------------------------------------------------------------------


def a_life(choices: list[int], seed: int) -> Shop:
    """A journal after these steps: sales, answers, settlements, dead letters, voids, restarts."""
    shop = Shop(0)
    chance = random.Random(seed)
    for choice in choices:
        journal = shop.journal
        pending = [t.seq for t in journal.pending()]
        if choice < 6:
            for n in range(choice * 4 + 1):
                seq = journal.next_seq()
                mode = ONLINE if n % 4 == 3 else OFFLINE
                journal.append(Transaction(seq, ACCRUAL, mode, UID, 2, 1000 * n, n, 1790000000 + n, 2))
                if mode == ONLINE:
                    journal.append_result(types.Result(seq, types.APPROVED, "00", n, 5, "A1"))
        elif choice == 6:
            journal.settle_all(pending[: chance.randint(0, len(pending))])
        elif choice == 7 and pending:
            journal.bury(chance.choice(pending), "14")
        elif choice == 8:
            seq = journal.next_seq()
            journal.append(Transaction(seq, ACCRUAL, OFFLINE, UID, 2, 7, 7, 7, 2))
            journal.void(seq, 1, 8)
        elif choice == 9:
            shop.journal = shop.reopened()
        else:
            while journal.idle_work():
                pass
    return shop


def mutated(capture: Capture, how: str, chance: random.Random) -> None:
    """What somebody does to the lines, in a way that leaves them numbered and summed."""
    texts = capture.texts
    one, other = chance.randrange(len(texts)), chance.randrange(len(texts))
    if how == "delete":
        del texts[one]
    elif how == "cut":
        del texts[max(1, one) :]
    elif how == "reorder":
        texts[one], texts[other] = texts[other], texts[one]
    elif how == "duplicate":
        texts.insert(other, texts[one])
    elif how == "move":
        place, data = texts[one].split(" ")
        texts[one] = texts[other].split(" ")[0] + " " + data
    elif how == "flip":
        place, data = texts[one].split(" ")
        raw = bytearray(captures.binascii.a2b_base64(data))
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        texts[one] = place + " " + captures.binascii.b2a_base64(bytes(raw)).decode().strip()
    elif how == "sector":
        prefix = texts[one].split(".")[0] + "."
        capture.texts = [text for text in texts if not text.startswith(prefix)]
    elif how == "generation":
        sector, generation, rest = texts[one].split(".", 2)
        texts[one] = f"{sector}.{chance.choice([0, 1, 99, int(generation, 16) + 8]):x}.{rest}"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    st.lists(st.integers(0, 10), min_size=1, max_size=25),
    st.integers(0, 1 << 30),
    st.sampled_from(["delete", "cut", "reorder", "duplicate", "move", "flip", "sector", "generation"]),
)
def test_one_mutation_of_any_kind_is_seen_or_changes_nothing(choices: list[int], seed: int, how: str) -> None:
    shop = a_life(choices, seed)
    journal = shop.reopened()
    capture = Capture(journal)
    whole = capture.audit()
    assert not grave(whole) and not unproven(whole) and whole.code == "" and journal.gaps() == 0
    expected = {row.transaction.seq: row for row in whole.rows}
    needed = {row.transaction.seq for row in whole.rows if row.place[0] >= whole.tail}
    mutated(capture, how, random.Random(seed))
    if not capture.texts:
        return
    found = capture.audit()
    last = audits.compared(found, whole.newest_tag, whole.newest_generation) if whole.newest_tag else None
    if found.code or grave(found) or unproven(found) or last is not None:
        return
    for row in found.rows:
        known = expected[row.transaction.seq]
        assert vars(row.transaction) == vars(known.transaction)
        settled_and_said_so = row.state == "unknown" and row.place[0] < whole.tail
        assert (row.state, row.rc) == (known.state, known.rc) or settled_and_said_so
    assert needed <= {row.transaction.seq for row in found.rows}
