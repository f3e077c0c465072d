"""A life of every store on flash made of a bytearray, with power cuts; runs on CPython and on the device's interpreter.

Everything random is decided here, so both print the same lines, the images' hashes last. Imports nothing of ours but
the firmware.
"""

from binascii import hexlify
from hashlib import sha256

from firmware.core.errors import StoreError
from firmware.core.types import ACCRUAL, APPROVED, OFFLINE, ONLINE, REDEMPTION, REVERSAL, Member, Result, Transaction
from firmware.store import records
from firmware.store.buckets import Buckets
from firmware.store.journal import Journal
from firmware.store.members import Members
from firmware.store.seal import Sealer, derived_key, place_of
from firmware.store.slots import Slots
from firmware.store.tries import TryCounter
from firmware.store.vault import Vault, VaultDamaged

_SECTORS = 8
_STEPS = 900
_SEALER = Sealer(bytes(range(16)), b"VAFA0001")
_UIDS = [bytes([n]) * (4, 7, 10)[n % 3] for n in range(1, 40)]


class Cut(BaseException):
    """The power failed in a flash operation."""


class Random:
    """The same numbers everywhere, none above 2**24."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def below(self, n: int) -> int:
        self._state = (self._state * 75 + 74) % 65537
        return self._state % n


class Flash:
    """NOR by the extended block protocol; `cut_in` operations from now half of one is done."""

    def __init__(self, page_only: bool) -> None:
        self.image = bytearray(b"\xff" * (_SECTORS * 4096))
        self.page_only = page_only
        self.cut_in = 0

    def readblocks(self, block: int, buf: bytearray, offset: int = 0) -> None:
        at = block * 4096 + offset
        buf[:] = self.image[at : at + len(buf)]

    def writeblocks(self, block: int, buf: bytes, offset: int) -> None:
        at = block * 4096 + offset
        if self.page_only and (at % 256 or len(buf) % 256):
            raise OSError(22)
        cut = self._cut()
        for i in range(len(buf) // 2 if cut else len(buf)):
            self.image[at + i] &= buf[i]
        if cut:
            raise Cut

    def ioctl(self, op: int, arg: int) -> int:
        if op == 6:
            cut = self._cut()
            size = 1024 if cut else 4096
            self.image[arg * 4096 : arg * 4096 + size] = b"\xff" * size
            if cut:
                raise Cut
            return 0
        return _SECTORS if op == 4 else 4096

    def _cut(self) -> bool:
        self.cut_in -= 1
        return self.cut_in == 0


def _transaction(seq: int, verb: int, mode: int, uid: bytes, original: int = 0) -> Transaction:
    points = -500 if verb == REDEMPTION else seq % 5000
    counter = 0 if original else seq * 40503 % (1 << 26)
    return Transaction(seq, verb, mode, uid, 2, seq * 977, points, 1790000000 + seq, 2, 0, 1, original, 3, 9, counter)


def _journal_step(journal: Journal, rng: Random) -> None:
    choice = rng.below(20)
    uid = _UIDS[rng.below(4)]
    if choice < 6:
        journal.append(_transaction(journal.next_seq(), ACCRUAL, OFFLINE, uid))
    elif choice < 10:
        seq = journal.next_seq()
        journal.append(_transaction(seq, REDEMPTION if choice == 9 else ACCRUAL, ONLINE, uid))
        if rng.below(4):
            journal.append_result(Result(seq, APPROVED, "00", seq % 100, -seq, "F00001"))
    elif choice < 12:
        for lost in list(journal.unanswered())[:1]:
            journal.append(_transaction(journal.next_seq(), REVERSAL, OFFLINE, lost.uid, lost.seq))
    elif choice < 17:
        journal.settle_all([t.seq for t in journal.pending()][: 1 + rng.below(20)])
    elif choice == 17:
        waiting = [t.seq for t in journal.pending()]
        if waiting and journal.dead_count() < 4:
            journal.bury(waiting[rng.below(len(waiting))], "14")
    elif choice == 18:
        for dead, _rc in list(journal.dead())[:1]:
            journal.settle(dead.seq)
    else:
        journal.idle_work()


def _members_step(members: Members, rng: Random) -> None:
    n = rng.below(len(_UIDS))
    points = rng.below(60000)
    name = "\u0645\u0631\u06cc\u0645" if n % 2 else "Sara"
    members.put(Member(_UIDS[n], n * 10**9, name, (points - 30000) * 10**7, points, 1, n, n))
    if not rng.below(3):
        members.idle_work()


def _journal_line(journal: Journal) -> str:
    last = journal.last()
    return "%s %s %s %s %s %s" % (
        [t.seq for t in journal.pending()],
        [t.seq for t in journal.unanswered()],
        [(t.seq, rc) for t, rc in journal.dead()],
        [journal.pending_points(uid) for uid in _UIDS[:4]],
        (last.transaction.seq, last.state) if last else None,
        journal.oldest_pending_utc(),
    )


def _members_line(members: Members) -> str:
    held = [members.get(uid) for uid in _UIDS]
    return "%d %s" % (members.count(), [(m.points, m.name.encode()) if m else None for m in held])


def limits() -> None:
    """What fits a record and what does not, at the edges: the device's `pack` cuts a number where CPython's raises."""
    edges = [sign * ((1 << bits) + by) for bits in (31, 32, 40, 63, 64) for by in (-1, 0, 1) for sign in (1, -1)]
    for number in edges + [999999999999, -999999999999, 3000000000]:
        kept = []
        for field in (
            "seq",
            "amount",
            "points",
            "time_utc",
            "member_no",
            "original_seq",
            "card_counter",
            "balance",
            "result",
        ):
            t = _transaction(9, ACCRUAL, ONLINE, b"\1\2\3\4")
            r = Result(9, APPROVED, "00", 7, 8, "F00001")
            if field == "balance":
                r.balance = number
            elif field == "result":
                r.points = number
            else:
                setattr(t, field, number)
            try:
                after = records.unpack_transaction(records.pack_transaction(t))
                got = records.unpack_result(records.pack_result(r))
                assert (r.points, r.balance) == (got.points, got.balance)
                assert field in ("balance", "result") or getattr(after, field) == number
                kept.append(field)
            except StoreError:
                pass
        members = Members(Flash(False), _SEALER, 6)
        members.open()
        members.put(Member(_UIDS[0], 5, "Sara", number, 1))
        member = members.get(_UIDS[0])
        print(number, kept, member.points if member else None)


def run(page_only: bool) -> None:
    """Play both lives."""
    rng = Random(7 + page_only)
    flash, cache = Flash(page_only), Flash(page_only)
    journal, members = Journal(flash, _SEALER, 5, page_only), Members(cache, _SEALER, 6, page_only)
    journal.open()
    members.open()
    journal.continue_above(100)
    for step in range(_STEPS):
        if not rng.below(12):
            flash.cut_in = 1 + rng.below(4)
            cache.cut_in = 1 + rng.below(4)
        try:
            _journal_step(journal, rng)
        except StoreError as error:
            print(step, type(error).__name__)
        except Cut:
            journal = Journal(flash, _SEALER, 5, page_only)
            journal.open()
            print(step, _journal_line(journal))
        try:
            _members_step(members, rng)
        except Cut:
            members = Members(cache, _SEALER, 6, page_only)
            members.open()
            while members.idle_work():
                pass
            print(step, _members_line(members))
    print(_journal_line(journal), journal.next_seq())
    print(_members_line(members))
    for image in (flash.image, cache.image):
        print(hexlify(sha256(image).digest()).decode())


def _rest(members: "Members | Buckets") -> None:
    while members.idle_work():
        pass


def sealing() -> None:
    """Keys, tags and ciphertexts, and what is refused."""
    print(hexlify(derived_key(bytes(range(16)), b"vafa-store-enc", b"VAFA0001")).decode())
    rng = Random(11)
    for length in (32, 48, 64, 208):
        body = bytearray([rng.below(256) for _ in range(length)])
        plain, place = bytes(body), place_of(1, 5, rng.below(60000), length)
        _SEALER.seal(place, b"headhead", body, True)
        print(hexlify(bytes(body)).decode())
        altered = bytearray(body)
        altered[rng.below(length)] ^= 4
        before = bytes(altered)
        assert not _SEALER.open(place, b"headhead", altered, True)
        assert altered == before
        assert _SEALER.open(place, b"headhead", body, True)
        assert bytes(body[:-8]) == plain[:-8]


def _cache_step(members: "Members | Buckets", rng: Random, kind: int) -> None:
    n = rng.below(len(_UIDS))
    if kind < 12:
        members.put(Member(_UIDS[n], n, "Sara", rng.below(60000) * 10**6, rng.below(60000), 1, n, n))
    elif kind == 12:
        members.forget(_UIDS[n])
    elif kind == 13:
        members.retire(rng.below(20000))
    elif kind == 14:
        _rest(members)
    else:
        members.idle_work()


def caches(page_only: bool) -> None:
    """Both caches with cards forgotten and retired, cut at any operation."""
    for cache in (Members, Buckets):
        rng = Random(21 + page_only)
        flash = Flash(page_only)
        members = cache(flash, _SEALER, 6, page_only)
        members.open()
        for step in range(500):
            if not rng.below(12):
                flash.cut_in = 1 + rng.below(6)
            try:
                _cache_step(members, rng, rng.below(20))
            except Cut:
                members = cache(flash, _SEALER, 6, page_only)
                members.open()
                _rest(members)
                print(step, _members_line(members))
        flash.cut_in = 0
        members.forget_all()
        members.put(Member(_UIDS[0], 1, "Sara", 1, 1))
        print(cache.__name__, hexlify(sha256(flash.image).digest()).decode())


def small(page_only: bool) -> None:
    """Keys, settings and tries, cut at any operation."""
    rng = Random(31 + page_only)
    flash = Flash(page_only)
    failures = cuts = 0
    for step in range(400):
        try:
            vault = Vault(flash, _SEALER, page_only)
            slots = Slots(flash, _SEALER, 9, page_only, 2)
            tries = TryCounter(flash, page_only, 4, 16)
            slots.open()
            tries.open()
            if not rng.below(6):
                flash.cut_in = 1 + rng.below(5)
            kind = rng.below(10)
            if kind < 5:
                slots.put("name-%d" % rng.below(4), b"%d" % step * (1 + rng.below(30)))
            elif kind == 5:
                vault.save({"tmk": bytes([step % 256]) * 16, "psk": b"%d" % step})
            elif kind == 6:
                vault.load()
            else:
                tries.begin()
                if kind > 7:
                    tries.settle()
            failures = tries.failures()
        except Cut:
            cuts += 1
            print(step, "cut")
        except VaultDamaged as error:
            print(step, error.code)
        except StoreError as error:
            print(step, type(error).__name__)
    flash.cut_in = 0
    slots = Slots(flash, _SEALER, 9, page_only, 2)
    slots.open()
    print([(name, slots.get(name)) for name in slots.names()], failures, cuts)
    print(hexlify(sha256(flash.image).digest()).decode())
    Vault(flash, _SEALER, page_only).zeroise()
    print(Vault(flash, _SEALER, page_only).load())


def everything() -> None:
    """All of it, for both kinds of flash."""
    sealing()
    for page_only in (False, True):
        run(page_only)
        caches(page_only)
        small(page_only)
    limits()
