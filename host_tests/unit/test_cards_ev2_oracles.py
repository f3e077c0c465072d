"""Other people's readers say the same on random sessions: pylibsdm (EV2), python-desfire (AN10922, CRC), pycryptodome.

None of them shares code or a cipher with the product or with the modelled cards. Each session runs twice on cards that
draw the same random numbers, once with our reader and once with theirs, and every command must be the same by byte.
"""

from __future__ import annotations

import asyncio
import random
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from Crypto.Cipher import AES
from Crypto.Hash import CMAC
from desfire.diversify import diversify_key
from desfire.util import CRC32
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.cards import card_office
from firmware.cards.aes_card import AesCard
from firmware.cards.aes_layout import NTAG424_DF_NAME
from firmware.cards.ev2 import FULL, MAC, AuthKey, Session
from firmware.core.cmac import Cmac
from tools.sim.cards.ntag424 import Ntag424App

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it still speaks pydantic's older dialect
    import pylibsdm.tag.ntag424dna.tag as pylibsdm
    from pylibsdm.tag.ntag424dna import structs

UID = bytes.fromhex("04DE5F1EACC040")
KEY = st.binary(min_size=16, max_size=16)
CALM = settings(deadline=None, max_examples=60, derandomize=True)


class Line:
    """A modelled card and the list of what it was sent; both readers speak to it their own way."""

    def __init__(self, seed: int, keys: dict[int, bytes], file_mode: int) -> None:
        self.app = Ntag424App(UID, random.Random(seed).randbytes)
        for number, key in keys.items():
            self.app.application_keys[number].value = key
        private = self.app.application_files[3]
        private.mode, private.rights = file_mode, bytes.fromhex("0000")
        self.sent: list[str] = []

    async def transceive(self, apdu: bytes) -> bytes:
        self.sent.append(bytes(apdu).hex())
        return self.app.apdu(bytes(apdu))

    def send_apdu(self, cla: int, ins: int, p1: int, p2: int, data: bytes = b"", **_: object) -> bytes:
        body = bytes([len(data)]) + data if data else b""
        return asyncio.run(self.transceive(bytes([cla, ins, p1, p2]) + body + b"\x00"))


def theirs(line: Line, keys: dict[int, bytes], rnd_a: bytes, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(pylibsdm, "get_random_bytes", lambda count: rnd_a[:count])
    tag = pylibsdm.NTAG424DNA(line)
    for number, key in keys.items():
        tag.set_key(number, key)
    return tag


def header(file: int, offset: int, size: int) -> bytes:
    return bytes([file]) + offset.to_bytes(3, "little") + size.to_bytes(3, "little")


STEP = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 40), st.binary(min_size=1, max_size=80)),
    st.tuples(st.just("read"), st.integers(0, 40), st.integers(1, 80)),
    st.tuples(st.just("uid"), st.just(0), st.just(0)),
    st.tuples(st.just("settings"), st.integers(1, 3), st.just(0)),
    st.tuples(st.just("change key"), st.integers(1, 4), KEY),
)


async def our_step(card: AesCard, mode: int, key: dict[int, bytes], step: tuple[str, int, Any]) -> bytes:
    what, number, value = step
    if what == "write":
        await card.write(3, number, value, mode)
    elif what == "read":
        return await card.read(3, number, value, mode)
    elif what == "uid":
        return await card.card_uid()
    elif what == "settings":
        return await card.file_settings(number)
    elif what == "change key":
        await card_office.change_key(card, number, value, 9, key[number])
    return b""


def their_step(tag: Any, mode: int, key: dict[int, bytes], step: tuple[str, int, Any]) -> bytes:
    def send(code: int, head: bytes, data: bytes = b"", mode: int = mode) -> bytes:
        how = tag.send_command_full if mode == FULL else tag.send_command_mac
        return how(0, SimpleNamespace(value=(0x90, code, 0, 0)), head, data, expected=pylibsdm.Status.OK)

    what, number, value = step
    if what == "write":
        send(0x8D, header(3, number, len(value)), value)
    elif what == "read":
        # Theirs would encrypt an empty block; a command without data has only its MAC.
        got = send(0xAD, header(3, number, value), mode=MAC)
        return got if mode == MAC else opened(tag, got)
    elif what == "uid":
        return opened(tag, send(0x51, b"", mode=MAC))
    elif what == "settings":
        return send(0xF5, bytes([number]), mode=MAC)
    elif what == "change key":
        mixed = bytes(a ^ b for a, b in zip(value, key[number], strict=True))
        send(0xC4, bytes([number]), mixed + b"\x09" + bytes(CRC32(list(value))), FULL)
    return b""


def opened(tag: Any, data: bytes) -> bytes:
    plain = AES.new(tag.k_ses_auth_enc, AES.MODE_CBC, tag.ivr).decrypt(data)
    return plain[: plain.rindex(b"\x80")]


@CALM
@given(
    key=KEY, others=st.lists(KEY, min_size=4, max_size=4), rnd_a=KEY, seed=st.integers(0, 2**32),
    mode=st.sampled_from([MAC, FULL]), steps=st.lists(STEP, min_size=1, max_size=6),
)  # fmt: skip
def test_a_random_session_is_the_same_as_pylibsdm_s(
    key: bytes, others: list[bytes], rnd_a: bytes, seed: int, mode: int, steps: list[tuple[str, int, Any]]
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        keys = dict(enumerate([key, *others]))
        ours, their = Line(seed, keys, mode), Line(seed, keys, mode)
        card = AesCard(ours, lambda count: rnd_a[:count])
        tag = theirs(their, keys, rnd_a, monkeypatch)
        known = dict(keys)

        async def session() -> list[bytes]:
            await card.select_df(NTAG424_DF_NAME)
            await card.authenticate(AuthKey(0, key))
            out = []
            for step in steps:
                out.append(await our_step(card, mode, known, step))
                if step[0] == "change key":
                    known[step[1]] = step[2]
            return out

        said = asyncio.run(session())
        tag.authenticate_ev2_first(0)
        known_there = dict(keys)
        for step, mine in zip(steps, said, strict=True):
            assert their_step(tag, mode, known_there, step) == mine
            if step[0] == "change key":
                known_there[step[1]] = step[2]
        # Selecting is spoken differently (Le); from the authentication on every byte is the same.
        assert ours.sent[1:] == their.sent[1:]
        assert bytes(ours.app.application_files[3].memory) == bytes(their.app.application_files[3].memory)
        assert [k.value for k in ours.app.application_keys] == [known[n] for n in range(5)]


@CALM
@given(key=KEY, new=KEY, rnd_a=KEY, seed=st.integers(0, 2**32), version=st.integers(0, 255))
def test_the_session_s_own_key_is_changed_as_pylibsdm_changes_it(
    key: bytes, new: bytes, rnd_a: bytes, seed: int, version: int
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        ours, their = Line(seed, {0: key}, FULL), Line(seed, {0: key}, FULL)
        card = AesCard(ours, lambda count: rnd_a[:count])
        tag = theirs(their, {0: key}, rnd_a, monkeypatch)

        async def session() -> None:
            await card.select_df(NTAG424_DF_NAME)
            await card.authenticate(AuthKey(0, key))
            await card_office.change_key(card, 0, new, version)

        asyncio.run(session())
        tag.authenticate_ev2_first(0)
        tag.change_key(0, new, version)
        assert ours.sent[1:] == their.sent[1:]
        assert ours.app.application_keys[0].value == new


@CALM
@given(at=st.integers(0, 60), gap=st.integers(32, 60))
def test_sun_settings_are_what_pylibsdm_builds(at: int, gap: int) -> None:
    condition = structs.AccessCondition
    rights = structs.AccessRights(
        read=condition.FREE_ACCESS, write=condition.KEY_0, read_write=condition.KEY_0, change=condition.KEY_0
    )
    built = structs.FileSettings(
        file_option=structs.FileOption(sdm_enabled=True, comm_mode=structs.CommMode.PLAIN),
        access_rights=rights,
        sdm_options=structs.SDMOptions(
            uid=True, read_ctr=True, read_ctr_limit=False, enc_file_data=False, tt_status=False
        ),
        sdm_access_rights=structs.SDMAccessRights(
            meta_read=condition.KEY_2, file_read=condition.KEY_3, ctr_ret=condition.KEY_0
        ),
        picc_data_offset=at,
        mac_input_offset=at + gap,
        mac_offset=at + gap,
    )
    assert card_office.sun_settings(at, at + gap) == built.to_bytes()


@CALM
@given(master=KEY, message=st.binary(min_size=1, max_size=31))
def test_keys_are_diversified_as_python_desfire_does(master: bytes, message: bytes) -> None:
    assert Cmac(master).tag_padded_to(message, 32) == bytes(diversify_key(list(master), list(message)))


@CALM
@given(key=KEY, message=st.binary(max_size=200))
def test_cmac_is_pycryptodome_s(key: bytes, message: bytes) -> None:
    theirs = CMAC.new(key, ciphermod=AES)
    theirs.update(message)
    assert Cmac(key).tag(message) == theirs.digest()


@CALM
@given(
    enc=KEY, mac=KEY, ti=st.binary(min_size=4, max_size=4), counter=st.integers(0, 0xFFFE), data=st.binary(max_size=120)
)
def test_a_full_command_at_any_counter_opens_with_pycryptodome(
    enc: bytes, mac: bytes, ti: bytes, counter: int, data: bytes
) -> None:
    body = Session(0, enc, mac, ti, counter).wrap(0x8D, b"head", data, FULL)
    count = counter.to_bytes(2, "little")
    full = CMAC.new(mac, ciphermod=AES)
    full.update(b"\x8d" + count + ti + body[:-8])
    assert body[-8:] == full.digest()[1::2]
    iv = AES.new(enc, AES.MODE_ECB).encrypt(b"\xa5\x5a" + ti + count + bytes(8))
    sealed = body[4:-8]
    plain = AES.new(enc, AES.MODE_CBC, iv).decrypt(sealed) if sealed else b""
    assert plain == (data + b"\x80" + bytes(-(len(data) + 1) % 16) if data else b"")
