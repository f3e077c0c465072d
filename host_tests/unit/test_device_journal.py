"""What `journal` makes of an export: the states the firmware sees; every loss, change and gap it must notice."""

from __future__ import annotations

import json
import random
from binascii import a2b_base64, b2a_base64, crc32
from pathlib import Path
from struct import pack, pack_into, unpack_from

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from firmware.core import types
from firmware.core.types import ACCRUAL, OFFLINE, ONLINE, REDEMPTION, REVERSAL, Transaction
from firmware.store import journal as stored
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from host_tests.unit.test_store_export import SECTORS, Till, lines_of
from tools.device import audit as audits
from tools.device import capture as captures
from tools.device import cli, evidence
from tools.sim.chips.nor import Nor, NorPartition, PowerCut, Torn

TMK = bytes(range(16))
NAME = "VAFA0001"
SEALER = Sealer(TMK, NAME.encode())
UID = bytes.fromhex("04A1B2C3D4E5F6")


def a_day(journal: Journal, sales: int = 60) -> None:
    """Sales, online and off, answers, a reversal, refusals; the last ones open and pending."""
    journal.continue_above(0)
    sent: list[int] = []
    for n in range(sales):
        seq = journal.next_seq()
        mode = ONLINE if n % 3 == 0 else OFFLINE
        verb = REDEMPTION if n % 9 == 0 else ACCRUAL
        points = -500 if verb == REDEMPTION else n
        journal.append(Transaction(seq, verb, mode, UID, 2, n * 1000, points, 1790000000 + n, 2, 7001 + n, 1))
        if mode == ONLINE:
            if n % 6 == 0 and n < sales - 3:
                journal.append_result(types.Result(seq, types.APPROVED, "00", n, 5 * n, f"A{n:05}"))
            elif n < sales - 3:
                back = journal.next_seq()
                journal.append(Transaction(back, REVERSAL, OFFLINE, UID, 2, 0, 0, 1790000000 + n, 2, 0, 0, seq))
        else:
            sent.append(seq)
        if len(sent) == 10:
            journal.bury(sent.pop(4), "14")
            journal.settle_all(sent)
            sent = []


class Shop:
    """A journal after such a day, and its flash."""

    def __init__(self, sales: int = 60) -> None:
        self.nor = Nor(SECTORS * 4096, None, seed=1)
        self.journal = Journal(NorPartition(self.nor, 0, SECTORS, False), SEALER, 77)
        self.journal.open()
        a_day(self.journal, sales)

    def reopened(self) -> Journal:
        journal = Journal(NorPartition(self.nor, 0, SECTORS, False), SEALER, 77)
        journal.open()
        return journal

    def capture(self) -> captures.Capture:
        return captures.parsed("\r\n".join(lines_of(self.reopened())).encode() + b"\r\n")[0]

    def audit(self) -> audits.Audit:
        return audits.audit(self.capture(), SEALER)

    def frames_at(self, kind: int) -> list[int]:
        """Where on the flash frames of a type begin."""
        found = []
        for sector in range(SECTORS):
            at = 64
            while at < 4096:
                _seq, length, this, version = unpack_from("<IHBB", self.nor.image, sector * 4096 + at)
                if version != 1 or length > 256:
                    at += 16
                    continue
                if this == kind:
                    found.append(sector * 4096 + at)
                at += (12 + length + 15) & -16
        return found

    def write_crc(self, at: int) -> None:
        """As who changes a record and knows the format, but no key, would."""
        head = self.nor.image[at // 4096 * 4096 : at // 4096 * 4096 + 32]
        generation, salt = unpack_from("<I", head, 8)[0], unpack_from("<I", head, 12)[0]
        length = unpack_from("<H", self.nor.image, at + 4)[0]
        start = crc32(self.nor.image[at : at + 8], crc32(pack("<II", salt, generation)))
        pack_into("<I", self.nor.image, at + 8, crc32(self.nor.image[at + 12 : at + 12 + length], start))


# --- what is there ----------------------------------------------------------------------------------------------------


def test_every_transaction_is_shown_in_the_state_the_firmware_sees() -> None:
    shop = Shop()
    found = shop.audit()
    firmware = shop.reopened()
    names = {
        types.OPEN: "open",
        types.APPROVED: "approved",
        types.REFUSED: "refused",
        types.REVERSED: "reversed",
        types.SETTLED: "settled",
        types.DEAD: "dead",
    }
    assert found.rows and not found.findings and found.code == ""
    for row in found.rows:
        entry = firmware.find(row.transaction.seq)
        assert entry is not None and vars(entry.transaction) == vars(row.transaction)
        expected = names[entry.state]
        if entry.state == types.APPROVED and entry.transaction.mode == OFFLINE:
            expected = "pending"
        assert row.state == expected, row
        assert row.approval == (entry.result.approval if entry.result else "")
    states = {row.state for row in found.rows}
    assert states == {"open", "pending", "dead", "settled", "approved", "reversed"}
    assert {row.rc for row in found.rows if row.state == "dead"} == {"14"}


def test_a_long_life_with_power_cuts_shows_no_gap() -> None:
    nor = Nor(SECTORS * 4096, None, seed=3)
    journal = Journal(NorPartition(nor, 0, SECTORS, False), SEALER, 77)
    journal.open()
    for life in range(40):
        if life % 3 == 0:
            nor.cut_at(5 + life, list(Torn)[life % len(Torn)])
        try:
            a_day(journal, 40)
            journal.settle_all([t.seq for t in journal.pending()])
            journal.settle_all([t.seq for t, _ in journal.dead()])
            for lost in list(journal.unanswered()):
                back = journal.next_seq()
                journal.append(Transaction(back, REVERSAL, OFFLINE, UID, 2, 0, 0, 0, 2, 0, 0, lost.seq))
        except PowerCut:
            nor.power_on()
        journal = Journal(NorPartition(nor, 0, SECTORS, False), SEALER, 77)
        journal.open()
    found = audits.audit(captures.parsed("\n".join(lines_of(journal)).encode())[0], SEALER)
    assert journal.gaps() == 0
    assert not found.altered_or_missing and found.linked > 300
    assert found.refused == 0


def test_the_seal_is_what_the_page_says_by_another_implementation() -> None:
    """NIST SP 800-108 keys, AES-CBC and CMAC of `cryptography`, in the layout of docs/store.md."""

    def cmac(key: bytes, message: bytes) -> bytes:
        made = CMAC(algorithms.AES(key))
        made.update(message)
        return made.finalize()

    def key(label: bytes) -> bytes:
        return cmac(TMK, b"\x01vafa-store-" + label + b"\x00" + NAME.encode() + b"\x00\x80")

    shop = Shop(20)
    rows = {row.transaction.seq: row for row in shop.audit().rows}
    salt = unpack_from("<I", shop.nor.image, 12)[0]
    link, newest, checked = bytes(4), b"", 0
    for at in sorted(at for kind in (1, 2, 3, 4, 5, 6) for at in shop.frames_at(kind)):
        assert at < 4096, "one sector is enough here"
        seq, length, kind, _version = unpack_from("<IHBB", shop.nor.image, at)
        body = bytes(shop.nor.image[at + 12 : at + 12 + length])
        place = pack("<IIIHBB", 0, salt, 1, at, 1, 0)
        newest = cmac(key(b"mac"), place + bytes(shop.nor.image[at : at + 8]) + body[:-8])[:8]
        assert body[-8:] == newest
        if kind not in (1, 2, 6):
            link = bytes(a ^ b for a, b in zip(link, cmac(key(b"mac"), newest), strict=False))
            continue
        assert body[:4] == link
        link = newest[:4]
        iv = Cipher(algorithms.AES(key(b"iv")), modes.ECB()).encryptor().update(place)
        plain = Cipher(algorithms.AES(key(b"enc")), modes.CBC(iv)).decryptor().update(body[8:-8])
        if kind == 1:
            t = rows[seq].transaction
            assert plain[2:9] == t.uid[:7]
            assert int.from_bytes(plain[16:21], "little") == t.amount
            assert unpack_from("<i", plain, 21)[0] == t.points
            assert unpack_from("<I", plain, 25)[0] == t.time_utc
            checked += 1
    assert checked >= 20
    assert shop.audit().newest_tag == newest


def test_the_audit_knows_the_journals_own_frame_types() -> None:
    assert evidence.LINKED == stored._LINKED
    assert set(evidence.SECRET) == set(stored._SECRET)


# --- what is not as it was --------------------------------------------------------------------------------------------


def grave(found: audits.Audit) -> list[str]:
    return [finding.what for finding in found.findings if finding.grave]


def test_an_altered_record_is_named_even_with_its_crc_put_right() -> None:
    for kind in (1, 2, 3, 4):
        shop = Shop()
        at = shop.frames_at(kind)[2 if kind < 3 else 0]
        shop.nor.image[at + 12 + 9] ^= 0x40
        shop.write_crc(at)
        seq = unpack_from("<I", shop.nor.image, at)[0]
        said = grave(shop.audit())
        assert f"a record was altered: generation 1, byte {at}, said to be SEQ {seq}" in said
        assert len(said) == 2, "it is missing in the chain, too"


def test_a_record_made_unreadable_or_taken_out_is_missing_between_its_neighbours() -> None:
    for blank in (False, True):
        shop = Shop()
        at = shop.frames_at(1)[5]
        shop.nor.image[at : at + 64] = b"\xff" * 64 if blank else bytes(64)
        seqs = [unpack_from("<I", shop.nor.image, a)[0] for a in sorted(shop.frames_at(1) + shop.frames_at(2))]
        found = shop.audit()
        assert len(grave(found)) == 1
        assert grave(found)[0].startswith("a record is missing between ")
        named = [int(word) for word in grave(found)[0].split() if word.isdigit()]
        assert named[0] in seqs and named[1] in seqs and seqs.index(named[1]) - seqs.index(named[0]) <= 1
        assert shop.reopened().gaps() == 1


def test_a_record_of_another_place_does_not_pass() -> None:
    shop = Shop()
    one, other = shop.frames_at(1)[5], shop.frames_at(1)[9]
    shop.nor.image[one + 12 : one + 60] = shop.nor.image[other + 12 : other + 60]
    shop.write_crc(one)
    assert any("altered" in what for what in grave(shop.audit()))


def test_one_wrong_bit_is_put_right_and_accuses_nobody() -> None:
    shop = Shop()
    shop.nor.image[shop.frames_at(1)[5] + 20] ^= 1
    found = shop.audit()
    assert found.mended == 1 and not found.findings and len(found.rows) == len(Shop().audit().rows)


def test_a_record_written_twice_is_counted_and_no_gap() -> None:
    nor = Nor(SECTORS * 4096, None, seed=1)
    lying = NorPartition(nor, 0, SECTORS, False)
    journal = Journal(lying, SEALER, 77)
    journal.open()
    a_day(journal, 20)
    real_read, real_write = lying.readblocks, lying.writeblocks
    state = {"lies": 1, "zeros": 1}

    def read(block: int, buf: bytearray, offset: int = 0) -> None:
        real_read(block, buf, offset)
        if len(buf) == 60 and state["lies"]:
            state["lies"] = 0
            buf[3] ^= 1

    def write(block: int, buf: bytes, offset: int = 0) -> None:
        if bytes(buf) == bytes(12) and state["zeros"]:
            state["zeros"] = 0
            raise OSError(5)
        real_write(block, buf, offset)

    lying.readblocks, lying.writeblocks = read, write  # type: ignore[method-assign]
    seq = journal.next_seq()
    journal.append(Transaction(seq, ACCRUAL, OFFLINE, UID, 2, 5, 5, 5, 2))
    a_day(journal, 10)
    found = audits.audit(captures.parsed("\n".join(lines_of(journal)).encode())[0], SEALER)
    assert found.duplicates == 1 and not grave(found)
    assert [row.transaction.seq for row in found.rows].count(seq) == 1


# --- captures ---------------------------------------------------------------------------------------------------------


def test_any_one_line_that_is_lost_or_garbled_is_noticed_and_accuses_nobody() -> None:
    shop = Shop(150)
    lines = lines_of(shop.reopened())
    for number in range(1, len(lines)):
        for text in (
            lines[:number] + lines[number + 1 :],
            [*lines[:number], lines[number][:-9] + " 00000000", *lines[number + 1 :]],
        ):
            taken = captures.parsed("\r\n".join(text).encode())[0]
            assert not taken.complete
            if number % 5 == 0:
                assert not grave(audits.audit(taken, SEALER)), number


def test_a_capture_cut_anywhere_is_incomplete() -> None:
    raw = "\r\n".join(lines_of(Shop(100).reopened())).encode()
    for end in range(40, len(raw), 173):
        assert not any(capture.complete for capture in captures.parsed(raw[:end]))
    assert captures.parsed(raw)[0].complete


def test_time_stamps_log_lines_and_repeated_lines_do_no_harm() -> None:
    shop = Shop(100)
    lines = lines_of(shop.reopened())
    noisy = []
    for number, line in enumerate(lines):
        noisy += [f"[12:00:{number % 60:02}.120] {line}  ", "# I00 J12 deadbeef something", "export"]
        if number % 9 == 4:
            noisy.append(line)
    taken = captures.parsed("\n".join(noisy).encode("utf-8") + b"\xff\xfe\0")[0]
    assert taken.complete and taken.image() == shop.nor.image


def test_of_several_exports_the_newest_complete_one_is_taken(tmp_path: Path) -> None:
    shop = Shop(30)
    first = "\n".join(lines_of(shop.reopened()))
    a_day(shop.journal, 10)
    second = "\n".join(lines_of(shop.reopened()))
    a_day(shop.journal, 10)
    third = "\n".join(lines_of(shop.reopened())[:-1])
    path = tmp_path / "capture.txt"
    path.write_text(f"{first}\n{second}\n{third}\n")
    taken = captures.read(path)
    assert taken.complete and taken.pieces == captures.parsed(second.encode())[0].pieces


def test_what_was_recycled_meanwhile_accuses_nobody() -> None:
    till = Till()
    till.sell(400)
    export, out = till.journal.export(), []
    while (line := export.line()) is not None:
        out.append(line)
        if len(out) == 30:
            till.sell(300)
    taken = captures.parsed("\n".join(line for line in out if line).encode())[0]
    assert taken.complete and len(taken.recycled) == 1
    found = audits.audit(taken, SEALER)
    assert not grave(found)
    assert found.rows[-1].transaction.seq == till.sold[-1] if till.sold else True


def test_hostile_lines_are_no_pieces() -> None:
    def line(number: int, text: str) -> str:
        text = f"J{number:x} {text}"
        return f"{text} {crc32(text.encode()):08x}"

    data = b2a_base64(bytes(64)).decode().strip()
    hostile = ["0.1.fff " + data, "ff.1.40 " + data, "0.1.40 AAA", "0.1.40", "0.1.1000 " + data, "x", "end"]
    for text in hostile[:-1]:
        taken = captures.parsed("\n".join([line(0, "begin 1 8 1 1"), line(1, text), line(2, "end 2 1 0")]).encode())[0]
        assert taken.pieces == [] and len(taken.image()) == 8 * 4096
    for head in ("begin 2 8 1 1", "begin 1 0 1 1", "begin 1 99999 1 1", "begin 1 x 1 1", "begin"):
        assert captures.parsed(line(0, head).encode()) == []
    assert a2b_base64(data) == bytes(64)


# --- the command ------------------------------------------------------------------------------------------------------


def run(tmp_path: Path, lines: list[str], *options: str, keys: object = None, text: str | None = None) -> Result:
    (tmp_path / "capture.txt").write_text("\r\n".join(lines) if text is None else text)
    (tmp_path / "keys.json").write_text(json.dumps({"tmk": TMK.hex(), "kid": 1} if keys is None else keys))
    command = ["--json", "journal", str(tmp_path / "capture.txt"), "--keys", str(tmp_path / "keys.json"), *options]
    return CliRunner().invoke(cli.main, command)


def events(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_whole_export_is_shown_with_masked_cards_and_exit_0(tmp_path: Path) -> None:
    result = run(tmp_path, lines_of(Shop().reopened()), "--terminal", NAME)
    assert result.exit_code == 0, result.output
    told = events(result)
    assert told[-1]["event"] == "summary" and told[-1]["complete"] is True
    assert told[0]["event"] == "transaction" and told[0]["card"] == "..E5F6" and "member" not in told[0]
    assert UID.hex() not in result.output.lower() and TMK.hex() not in result.output.lower()
    assert " dead " in result.stderr and " pending " in result.stderr
    full = run(tmp_path, lines_of(Shop().reopened()), "--terminal", NAME, "--full")
    assert events(full)[0]["card"] == UID.hex().upper() and events(full)[0]["member"] == 7001
    assert TMK.hex() not in full.output.lower()


def test_each_trouble_has_its_exit_code(tmp_path: Path) -> None:
    lines = lines_of(Shop().reopened())
    named = {"tmk": TMK.hex(), "terminal_id": NAME}

    def outcome(result: Result) -> tuple[int, object]:
        last = events(result)[-1]
        return result.exit_code, last.get("code")

    assert outcome(run(tmp_path, lines, keys=named)) == (0, "")
    assert outcome(run(tmp_path, lines[:-1], keys=named)) == (8, "D51")
    assert outcome(run(tmp_path, [], keys=named)) == (9, "D50")
    assert outcome(run(tmp_path, lines, keys={**named, "tmk": "00" * 16})) == (7, "D53")
    assert outcome(run(tmp_path, lines, "--terminal", "VAFA0002", keys=named)) == (7, "D53")
    for bad in ({}, [], {"tmk": 5}, {"tmk": "zz" * 16, "terminal_id": NAME}, {"tmk": TMK.hex()}):
        assert outcome(run(tmp_path, lines, keys=bad)) == (9, "D54")
    shop = Shop()
    at = shop.frames_at(1)[5]
    shop.nor.image[at + 30] ^= 2
    shop.write_crc(at)
    altered = run(tmp_path, lines_of(shop.reopened()), keys=named)
    assert outcome(altered) == (6, "D52")
    assert "a record was altered" in altered.stderr


def test_a_journal_of_earlier_firmware_accuses_nobody(tmp_path: Path) -> None:
    shop = Shop()
    for copy in (0, 32):
        shop.nor.image[copy : copy + 6] = b"VAFS\2\1"
        pack_into("<I", shop.nor.image, copy + 28, crc32(shop.nor.image[copy : copy + 28]))
    lines = lines_of(shop.journal)
    result = run(tmp_path, lines, keys={"tmk": "00" * 16, "terminal_id": NAME})
    assert result.exit_code == 6 and events(result)[-1]["code"] == "D55" and "S09" in str(events(result)[-1]["why"])


def test_the_example_of_the_page_is_a_whole_export() -> None:
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
    example = page.split("For example, one sale")[1].split("```")[1].strip()
    nor = Nor(4 * 4096, None)
    journal = Journal(NorPartition(nor, 0, 4, False), SEALER, 0x5A17)
    journal.open()
    journal.continue_above(0)
    journal.append(Transaction(journal.next_seq(), ACCRUAL, OFFLINE, UID, 2, 125000, 125, 1795305600, 2, 1001, 1))
    assert example.splitlines() == lines_of(journal)
    taken = captures.parsed(example.encode())[0]
    assert taken.complete and taken.image() == nor.image
    rows = audits.audit(taken, SEALER).rows
    assert [(row.transaction.seq, row.transaction.amount, row.state) for row in rows] == [(1000, 125000, "pending")]


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"[" * 90_000, b'{"tmk"', b""])
def test_a_bad_file_with_keys_is_told(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "capture.txt").write_text("\n".join(lines_of(Shop(5).reopened())))
    (tmp_path / "keys.json").write_bytes(raw)
    command = ["--json", "journal", str(tmp_path / "capture.txt"), "--keys", str(tmp_path / "keys.json")]
    result = CliRunner().invoke(cli.main, command, catch_exceptions=False)
    assert result.exit_code == 9 and events(result)[-1]["code"] == "D54"


@pytest.mark.parametrize("seed", range(40))
def test_noise_between_good_lines_makes_no_traceback(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    texts = [line.split(" ", 1)[1].rpartition(" ")[0] for line in lines_of(Shop(9).reopened())]
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(texts))
        words = texts[at].split(" ")
        words[chance.randrange(len(words))] = chance.choice(
            ["0.0.0", "ffff.ffffffff.fff", "gone", "unread", "", "9" * 12, "end"]
        )
        texts[at] = " ".join(words)
    numbered = [f"J{number:x} {text}" for number, text in enumerate(texts)]
    lines = [f"{text} {crc32(text.encode()):08x}" for text in numbered]
    (tmp_path / "capture.txt").write_text("\n".join(lines))
    (tmp_path / "keys.json").write_text(json.dumps({"tmk": TMK.hex(), "terminal_id": NAME}))
    command = ["journal", str(tmp_path / "capture.txt"), "--keys", str(tmp_path / "keys.json")]
    assert CliRunner().invoke(cli.main, command, catch_exceptions=False).exit_code in (0, 6, 7, 8, 9)


@pytest.mark.parametrize("missing", [["capture.txt"], ["keys.json"]])
def test_a_file_that_is_not_there_is_told(tmp_path: Path, missing: list[str]) -> None:
    for name in {"capture.txt", "keys.json"} - set(missing):
        (tmp_path / name).write_text("\n".join(lines_of(Shop(5).reopened())) if name == "capture.txt" else "{}")
    command = ["journal", str(tmp_path / "capture.txt"), "--keys", str(tmp_path / "keys.json")]
    assert CliRunner().invoke(cli.main, command).exit_code == 9


def test_a_dead_letter_that_was_given_up_is_shown_with_its_code_and_its_reason(tmp_path: Path) -> None:
    shop = Shop()
    seq = next(shop.journal.dead())[0].seq
    shop.journal.void(seq, 0, 1790000999, "made good by hand")
    [row] = [row for row in shop.audit().rows if row.transaction.seq == seq]
    assert (row.state, row.rc, row.reason) == ("given up", "14", "made good by hand")
