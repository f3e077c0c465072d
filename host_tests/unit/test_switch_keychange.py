"""Keys changed over the line, the terminal's session and key store against the bench switch's desk: whatever is lost
or cut, the two can talk, and in the end both have the new pair and neither the old."""

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from firmware.core.errors import LinkError, StoreError
from firmware.core.keywrap import unwrap
from firmware.store.seal import derived_key
from firmware.switch.keychange import NEXT, KeyOlder, ahead
from host_tests.unit.keychange_kit import TERMINAL, TMK, World, story
from host_tests.unit.session_kit import until
from host_tests.unit.switch_kit import KID, MAC_OUT, ScriptedLink, transaction
from tools.bench_switch import keychange
from tools.sim.chips.nor import Torn


def test_announced_proved_in_force_and_the_old_pair_is_nowhere():
    async def play():
        world = World()
        async with world.running():
            await until(world.session.online)
            assert world.rekey() == KID + 1
            await world.sells()
            assert world.keys.kid == KID, "nothing was announced yet"
            world.session.probe()
            await until(lambda: world.agreed(KID + 1))
            await world.sells()
        image = bytes(world.board.nor.image)
        assert MAC_OUT not in image and len(world.link.pipes) == 1
        assert not any(MAC_OUT.hex() in line for line in world.log.newest(64))

    story(play)


@pytest.mark.parametrize("what", ["request", "answer"])
@pytest.mark.parametrize("number", [1, 2])  # the sign-on, the proof
@pytest.mark.parametrize("restart", [False, True])
def test_whatever_message_is_lost_both_can_talk_and_agree_in_the_end(number, what, restart):
    async def play():
        world = World()
        world.rekey()
        world.lose[number] = what
        if restart:
            async with world.running():
                await until(lambda: world.count >= number)
                await asyncio.sleep(0.005)
            world.lose.clear()
            world.start()
        async with world.running():
            await world.sells()
            await until(lambda: world.agreed(KID + 1), 900)
            await world.sells()

    story(play)


@pytest.mark.parametrize("torn", [Torn.NOTHING, Torn.HALF, Torn.DONE])
@pytest.mark.parametrize("operation", range(1, 9))
def test_power_cut_at_every_flash_operation_of_the_change(operation, torn):
    async def play():
        world = World()
        world.rekey()
        world.board.nor.cut_at(operation, torn)
        async with world.running() as task:
            await until(lambda: task.done() or world.agreed(KID + 1), 100)
            assert task.done(), "the change writes eight times"
        world.board.nor.power_on()
        world.start()
        async with world.running():
            await world.sells()
            await until(lambda: world.agreed(KID + 1), 900)

    story(play)


def test_an_answer_that_is_not_under_the_new_pair_puts_nothing_in_force():
    async def play():
        world = World()
        world.rekey()
        former = world.switch

        def old_switch(raw: bytes):
            if keychange.waiting(world.ledger, TERMINAL) is not None and world.count >= 1:
                keychange.cancel(world.ledger, TERMINAL)  # it forgets the pair before it is proved
            return former(raw)

        world.link = ScriptedLink(old_switch)
        world.session._link = world.link
        async with world.running():
            await world.sells()
            await until(lambda: not world.orders.offer())
            assert world.agreed(KID)
            await world.sells()

    story(play)


def test_after_three_refusals_it_asks_for_keys_once_and_heals_by_them():
    async def play():
        world = World()
        async with world.running():
            await until(world.session.online)
            world.switch_knows(bytes(range(16)))  # the books were put back
            for _ in range(3):
                with pytest.raises(LinkError):
                    await world.session.request(transaction(seq=next(world.seqs)))
            assert world.session.halted() == "P27"
            await asyncio.sleep(600)
            asked = [raw for pipe in world.link.pipes for raw in pipe.sent if raw[-11:-8] == b"101"]
            assert len(asked) == 1 and len(world.link.pipes) > 3
            assert world.session.halted() == "P27"

    story(play)


def test_keys_that_wait_at_the_switch_heal_a_terminal_it_does_not_believe():
    async def play():
        world = World()
        async with world.running():
            await until(world.session.online)
            world.switch_knows(bytes(range(16)))
            world.rekey()
            for _ in range(3):
                with pytest.raises(LinkError):
                    await world.session.request(transaction(seq=next(world.seqs)))
            await world.sells()
            assert world.agreed(KID + 1) and world.session.halted() == ""

    story(play)


def test_a_pair_that_may_be_in_force_at_the_switch_is_not_overwritten_by_the_one_after_it():
    async def play():
        world = World()
        announces = world.desk._answer

        def of_the_page(request, terminal, fault):
            said = announces(request, terminal, fault)
            if request.mti == "0800":  # "in a 0810 to a sign-on ... in each", also with 63
                said.tags.update(world.desk._keys.announced(terminal))
            return said

        world.desk._answer = of_the_page
        world.rekey()
        world.lose[2] = "answer"  # the proof is heard, its answer is lost
        async with world.running():
            await until(lambda: world.count >= 2)
            await asyncio.sleep(0.01)
        assert world.ledger.terminal(TERMINAL).kid == KID + 1 and world.keys.kid == KID
        world.rekey()
        world.lose = {world.count + 2: "request"}  # and the next proof on its way
        world.start()
        async with world.running():
            await world.sells()
            await until(lambda: world.agreed(KID + 2), 900)

    story(play)


@pytest.mark.parametrize(("kid", "of", "is_ahead"), [
    (8, 7, True), (7, 7, False), (6, 7, False), (134, 7, True), (135, 7, False), (0, 255, True), (255, 0, False),
    (126, 255, True), (127, 255, False),
])  # fmt: skip
def test_a_key_id_only_rises(kid, of, is_ahead):
    assert ahead(kid, of) == is_ahead


def newkey(kid: int, out: bytes = b"o" * 16, come: bytes = b"i" * 16, master: bytes = TMK) -> bytes:
    return bytes((kid,)) + aes_key_wrap(keychange.wrapping_key(master, kid), out + come)


def test_the_page_says_how_a_pair_is_wrapped():
    page = (Path(__file__).parents[2] / "docs" / "lt87.md").read_text()
    wrapping = keychange.wrapping_key(bytes(range(16)), 2)
    wrapped = aes_key_wrap(wrapping, bytes(range(16, 48)))
    assert f"`{wrapping.hex()}`" in page and f"`63 29 02 {wrapped.hex()}`" in page
    assert unwrap(derived_key(bytes(range(16)), b"vafa-newkey", b"\x02"), wrapped) == bytes(range(16, 48))


@pytest.mark.parametrize(
    ("announced", "code"),
    [
        (newkey(KID), "K20"),
        (newkey(KID - 1), "K20"),
        (newkey(KID + 1, master=bytes(16)), "K21"),
        (newkey(KID + 1)[:-1] + b"\0", "K21"),
        (bytes((KID + 2,)) + newkey(KID + 1)[1:], "K21"),  # recorded, under another key id
        (bytes((KID + 1,)) + aes_key_wrap(TMK, b"o" * 16 + b"i" * 16), "K21"),
        (newkey(KID + 1, come=b"o" * 16), "K21"),
        (newkey(KID + 1, come=bytes(16)), "K21"),
    ],
)
def test_an_announcement_that_is_not_believed_changes_nothing(announced, code):
    world = World()
    before = world.vault().load()
    with pytest.raises(Exception) as refused:  # noqa: PT011 (the code tells)
        world.orders._changing().announced(announced)
    assert refused.value.code == code and world.vault().load() == before and world.keys.offered is None


def test_a_pair_announced_again_is_not_written_again_and_a_newer_one_replaces_it():
    world = World()
    world.orders._changing().announced(newkey(KID + 1))
    writes = world.board.nor.ops
    world.orders._changing().announced(newkey(KID + 1))
    assert world.board.nor.ops == writes
    world.orders._changing().announced(newkey(KID + 2))
    assert world.keys.offered.kid == KID + 2 and world.vault().load()[NEXT][0] == KID + 2
    with pytest.raises(KeyOlder):
        world.orders._changing().announced(newkey(KID))


def test_a_key_store_that_takes_nothing_leaves_the_old_pair():
    world = World()
    for sector in (16, 17):
        world.board.nor.bad_blocks[sector] = "raises"
    with pytest.raises(StoreError):
        world.orders._changing().announced(newkey(KID + 1))
    assert world.keys.offered is None
