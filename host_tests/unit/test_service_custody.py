"""A technician with a right forgets a member or takes the keys out; a cut leaves all of it or none."""

from pathlib import Path

import pytest

from host_tests.unit import custody_kit as kit
from host_tests.unit.custody_kit import ALI, SARA, Terminal, keys_there, with_store
from tools.sim.chips.nor import Nor, PowerCut, Torn

CANARIES = [b"canary", b"Sara", *(bytes.fromhex(str(v)) for n, v in kit.KEYS.items() if n not in ("kid", "wifi_psk"))]


def rest(terminal: Terminal) -> None:
    while terminal.members.idle_work():
        pass


@pytest.mark.parametrize("buckets", [False, True])
def test_a_forgotten_member_is_gone_from_memory_and_flash_and_nobody_learns_who_it_was(
    tmp_path: Path, buckets: bool
) -> None:
    board = with_store(tmp_path, buckets=buckets)
    terminal = Terminal(board, buckets=buckets)
    assert "K04" in terminal.type("forget 04A1B2C3D4E5F6")
    assert terminal.members.get(SARA) is not None
    terminal.right("members")
    assert "knows nothing of that card" in terminal.type("forget 04a1b2c3d4e5f6")
    assert terminal.members.get(SARA) is None and terminal.members.get(ALI) is not None
    rest(terminal)
    assert "K04" in terminal.type("forget 9C599B32"), "the right was for one command"
    again = Terminal(board, buckets=buckets)
    rest(again)
    assert again.members.get(SARA) is None and again.members.get(ALI) is not None
    told = " ".join(terminal.said + terminal.log.newest(64)).lower()
    assert not any(word in told for word in ("04a1b2", "e5f6", "sara", "canary", "1002"))


def test_what_is_no_uid_or_no_command_uses_no_right_up(tmp_path: Path) -> None:
    terminal = Terminal(with_store(tmp_path))
    terminal.right("members")
    for line in (
        "forget",
        "forget 04A1",
        "forget xyz",
        "forget 04A1B2C3D4E5F6 now",
        "right all",
        "answer 1",
        "zeroise x",
    ):
        assert "answer and the 8 digits" in terminal.type(line), line
    terminal.quiet = False
    assert "till is in use" in terminal.type("forget 04A1B2C3D4E5F6")
    terminal.quiet = True
    assert "knows nothing" in terminal.type("forget 04A1B2C3D4E5F6")


def test_a_member_cache_that_failed_does_not_say_that_it_forgot(tmp_path: Path) -> None:
    terminal = Terminal(with_store(tmp_path))
    terminal.right("members")
    terminal.members._opened = False
    assert "S05" in terminal.type("forget 04A1B2C3D4E5F6")
    terminal.members._opened = True
    assert "knows nothing" in terminal.type("forget 04A1B2C3D4E5F6"), "and the right is still there"


def test_zeroise_needs_its_right_and_the_number_that_is_not_settled(tmp_path: Path) -> None:
    board = with_store(tmp_path)
    terminal = Terminal(board)
    before = board.region("vault")[: 2 * 4096]
    assert "K04" in terminal.type("zeroise 4")
    terminal.right("zeroise")
    for line in ("zeroise", "zeroise 0", "zeroise 3", "zeroise 40"):
        said = terminal.type(line)
        assert "K07" in said and "3 wait for the switch, 1 had no answer, 0 were refused" in said
        assert said.endswith("zeroise 4")
    assert board.region("vault")[: 2 * 4096] == before and not terminal.custody.restart
    assert "erased" in terminal.type("zeroise 4")
    assert terminal.custody.restart
    assert board.region("vault")[: 2 * 4096] == b"\xff" * 8192


@pytest.mark.parametrize("buckets", [False, True])
def test_after_zeroise_no_key_and_no_name_is_on_the_raw_flash_and_the_journal_still_opens_with_the_keys(
    tmp_path: Path, buckets: bool
) -> None:
    board = with_store(tmp_path, buckets=buckets)
    journal = board.region("txlog")
    terminal = Terminal(board, buckets=buckets)
    terminal.right("zeroise")
    terminal.type("zeroise 4")
    (tmp_path / "keys.json").write_text("{}")  # one that was put there meanwhile is not taken
    assert not keys_there(board, tmp_path)
    assert not (tmp_path / "keys.json").exists()
    assert board.region("members") == b"\xff" * len(board.region("members"))
    image = bytes(board.nor.image)
    assert not any(canary in image for canary in CANARIES)
    assert not keys_there(board, tmp_path), "and it stays so"
    assert board.region("txlog")[: len(journal)].rstrip(b"\xff") != b""
    reopened = Terminal(board, buckets=buckets)
    assert reopened.journal.pending_count() == 3


def test_a_terminal_provisioned_anew_after_zeroise_keeps_its_new_keys(tmp_path: Path) -> None:
    board = with_store(tmp_path)
    terminal = Terminal(board)
    terminal.right("zeroise")
    terminal.type("zeroise 4")
    assert not keys_there(board, tmp_path)
    (tmp_path / "keys.json").write_text(kit.json.dumps(kit.KEYS))
    assert keys_there(board, tmp_path)
    assert keys_there(board, tmp_path), "nothing erases them at the next start"


def test_a_cut_at_any_flash_operation_of_zeroise_leaves_whole_keys_or_is_finished_by_the_next_start(
    tmp_path: Path,
) -> None:
    start = with_store(tmp_path)
    outcomes = set()
    op, over = 1, False
    while not over:
        for torn in Torn:
            board = kit.Board()
            board.nor.image[:] = start.nor.image
            terminal = Terminal(board)
            terminal.right("zeroise")
            board.nor.cut_at(op, torn)
            cut = False
            try:
                terminal.type("zeroise 4")
                keys_there(board, tmp_path)
            except PowerCut:
                cut = True
            over = not cut
            after = kit.Board()
            after.nor.image[:] = board.nor.image
            whole = keys_there(after, tmp_path)
            outcomes.add(whole)
            blank = after.region("members") == b"\xff" * len(after.region("members"))
            assert blank is not whole, (op, torn)
            keys = after.region("vault")[: 2 * 4096]
            assert whole or keys == b"\xff" * 8192, (op, torn)
            assert keys_there(after, tmp_path) is whole
            if whole:
                assert Terminal(after).members.get(SARA) is not None
            # A second cut, in what the start does to finish.
            if not whole and cut and torn is Torn.HALF:
                _cut_again(board.nor, tmp_path)
        op += 1
    assert outcomes == {True, False}
    assert op > 8


def _cut_again(nor: Nor, folder: Path) -> None:
    op = 1
    while True:
        board = kit.Board()
        board.nor.image[:] = nor.image
        board.nor.cut_at(op, Torn.RANDOM_BITS)
        try:
            keys_there(board, folder)
            return
        except PowerCut:
            after = kit.Board()
            after.nor.image[:] = board.nor.image
            assert not keys_there(after, folder)
            assert after.region("members") == b"\xff" * len(after.region("members"))
        op += 1


class Stuck:
    """The vault's flash when some of its sectors take no erase: `zeros` whether they take a program, else nothing."""

    def __init__(self, board: kit.Board, sectors: set[int], *, zeros: bool) -> None:
        self._part, self._sectors, self._zeros = board.vault_flash(), sectors, zeros

    def readblocks(self, sector: int, buf: bytearray, offset: int) -> None:
        self._part.readblocks(sector, buf, offset)

    def writeblocks(self, sector: int, buf: bytes, offset: int) -> None:
        if sector not in self._sectors or self._zeros:
            self._part.writeblocks(sector, buf, offset)

    def ioctl(self, op: int, arg: int) -> int | None:
        return 0 if op == 6 and arg in self._sectors else self._part.ioctl(op, arg)


@pytest.mark.parametrize("sectors", [{0}, {1}, {0, 1}])
def test_a_key_sector_that_takes_no_erase_is_overwritten_and_the_terminal_is_not_provisioned(
    tmp_path: Path, sectors: set[int]
) -> None:
    board = with_store(tmp_path)
    stuck = Stuck(board, sectors, zeros=True)
    board.vault_flash = lambda: stuck  # type: ignore[method-assign,assignment,return-value]
    terminal = Terminal(board)
    terminal.right("zeroise")
    said = terminal.type("zeroise 4")
    assert f"{len(sectors)} sectors take no erase and are zeros now" in said and "keys are erased" in said
    for sector in (0, 1):
        expected = b"\0" if sector in sectors else b"\xff"
        assert board.region("vault")[sector * 4096 :][:4096] == expected * 4096
    assert not keys_there(board, tmp_path)
    assert board.region("members") == b"\xff" * len(board.region("members"))
    assert not keys_there(board, tmp_path)


def test_keys_that_do_not_go_at_all_keep_nothing_else_and_the_next_step_is_told(tmp_path: Path) -> None:
    board = with_store(tmp_path)
    stuck = Stuck(board, {0}, zeros=False)
    board.vault_flash = lambda: stuck  # type: ignore[method-assign,assignment,return-value]
    terminal = Terminal(board)
    terminal.right("zeroise")
    said = terminal.type("zeroise 4")
    assert "S13" in said and "keys left" in said and "python -m tools.device wipe --what vault" in said
    assert terminal.custody.restart
    for _ in range(2):
        with pytest.raises(kit.StoreError, match="keys left.*wipe --what vault") as caught:
            keys_there(board, tmp_path)
        assert caught.value.code == "S13"
        assert board.region("vault")[4096:8192] == b"\xff" * 4096
        assert board.region("members") == b"\xff" * len(board.region("members"))


def test_zeroise_without_a_mark_says_that_the_members_are_left(tmp_path: Path) -> None:
    board = with_store(tmp_path)
    stuck = Stuck(board, {2, 3}, zeros=False)
    board.vault_flash = lambda: stuck  # type: ignore[method-assign,assignment,return-value]
    terminal = Terminal(board)
    terminal.right("zeroise")
    said = terminal.type("zeroise 4")
    assert "S13" in said and "members left" in said and "keys" not in said
    assert board.region("vault")[: 2 * 4096] == b"\xff" * 8192


def test_a_damaged_counter_of_tries_says_its_own_next_step(tmp_path: Path) -> None:
    board = with_store(tmp_path)
    board.nor.image[20 * 4096 : 22 * 4096] = b"foreign!" * 1024
    terminal = Terminal(board)
    for line in ("right members", "zeroise 4"):
        said = terminal.type(line)
        assert "S14" in said and "wipe --what vault" in said


def test_members_sectors_that_take_no_erase_are_overwritten(tmp_path: Path) -> None:
    board = with_store(tmp_path)
    terminal = Terminal(board)
    terminal.right("zeroise")
    terminal.type("zeroise 4")
    stuck = board.member_flash()
    real = stuck.ioctl
    stuck.ioctl = lambda op, arg: 0 if op == 6 else real(op, arg)  # type: ignore[method-assign]
    board.member_flash = lambda: stuck  # type: ignore[method-assign]
    assert not keys_there(board, tmp_path)
    assert not board.region("members").strip(b"\0\xff")
    assert not any(canary in bytes(board.nor.image) for canary in CANARIES)


def test_members_that_do_not_go_are_tried_again_at_the_next_start(tmp_path: Path) -> None:
    board = with_store(tmp_path)
    terminal = Terminal(board)
    terminal.right("zeroise")
    terminal.type("zeroise 4")
    region = board.member_flash
    stuck = board.member_flash()
    real = stuck.ioctl
    stuck.ioctl = lambda op, arg: 0 if op == 6 else real(op, arg)  # type: ignore[method-assign]
    stuck.writeblocks = lambda _sector, _buf, _offset=0: None  # type: ignore[method-assign]
    board.member_flash = lambda: stuck  # type: ignore[method-assign]
    with pytest.raises(kit.StoreError, match="sectors of members left"):
        keys_there(board, tmp_path)
    board.member_flash = region  # type: ignore[method-assign]
    assert not keys_there(board, tmp_path)
    assert board.region("members") == b"\xff" * len(board.region("members"))
