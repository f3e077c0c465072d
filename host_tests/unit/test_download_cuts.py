"""Power cut at every file operation of loading and taking: the old file or the new one is in force, never neither."""

import asyncio
import io
import os

import pytest

from firmware.service import envelope, growing, loading
from firmware.store import hotlist
from firmware.switch.download import CONFIG, HOTLIST, RULES
from host_tests.unit.download_kit import Office, Terminal
from host_tests.unit.session_kit import until
from tools.release.files import hotlist_body, text_body
from tools.sim import onhost

RULE_NAMES = ("earn_rate", "earn_unit", "point_value", "redeem_step", "redeem_threshold")
OLD_CARDS = [(f"{number:08X}", 41) for number in range(1, 31)]
NEW_CARDS = [(f"{number:08X}", 43) for number in range(11, 51)]


class PowerCut(Exception):
    pass


class Volume:
    """Files as LittleFS keeps them: content is there from flush or close on, rename and remove are one step."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.left = -1  # operations until the cut; below 0 there is none
        self.after = False  # whether that operation was still completed
        self.done = 0
        self.dead = False
        self.life = 0  # counts power-ons: what a dead terminal left open writes no more

    def restart(self, left: int = -1) -> None:
        self.left, self.dead = left, False
        self.life += 1

    def step(self, act) -> None:
        if self.dead:
            raise PowerCut
        self.done += 1
        if self.left == 0:
            self.dead = True
            if self.after:
                act()
            raise PowerCut
        self.left -= 1
        act()

    def open(self, path: str, mode: str = "r") -> io.BytesIO:
        if "r" in mode and path not in self.kept:
            raise FileNotFoundError(path)
        if mode in ("r", "rb"):
            return io.BytesIO(self.kept[path])
        self.step(lambda: self.kept.setdefault(path, b""))
        return Writing(self, path, self.kept[path] if "+" in mode else b"")

    def stat(self, path: str) -> tuple[int, ...]:
        if path not in self.kept:
            raise FileNotFoundError(path)
        return (0, 0, 0, 0, 0, 0, len(self.kept[path]))

    def rename(self, old: str, new: str) -> None:
        self.step(lambda: self.kept.__setitem__(new, self.kept.pop(old)))

    def remove(self, path: str) -> None:
        if path not in self.kept:
            raise FileNotFoundError(path)
        self.step(lambda: self.kept.pop(path))


class Writing(io.BytesIO):
    def __init__(self, volume: Volume, path: str, content: bytes) -> None:
        super().__init__()
        self.volume, self.path, self.life = volume, path, volume.life
        super().write(content)

    def write(self, data) -> int:
        self.volume.step(lambda: None)
        return super().write(data)

    def flush(self) -> None:
        self.volume.step(lambda: self.volume.kept.__setitem__(self.path, self.getvalue()))

    def close(self) -> None:
        if not self.closed and not self.volume.dead and self.life == self.volume.life:
            content = self.getvalue()
            self.volume.step(lambda: self.volume.kept.__setitem__(self.path, content))
        super().close()


@pytest.fixture
def volume(monkeypatch):
    made = Volume()
    for module in (loading, growing, envelope, hotlist):
        monkeypatch.setattr(module, "open", made.open, raising=False)
        if module is not growing:  # which opens and no more
            monkeypatch.setattr(module, "os", made)
    monkeypatch.setattr(growing, "SYNC", 480)
    return made


def test_a_cut_costs_what_was_not_synced_and_no_more(volume: Volume) -> None:
    one = growing.Growing("/a.new")
    one.begin(b"head")
    for at in range(4, 2000, 48):
        one.write(bytes(48), at)
        assert len(volume.kept["/a.new"]) > at + 48 - growing.SYNC


async def until_held(terminal: Terminal, version: int, volume: Volume) -> None:
    """Load until all are in force, or the power is gone."""
    line = asyncio.create_task(terminal.session.run())
    work = asyncio.create_task(terminal.downloads.run(lambda: None))
    await until(lambda: volume.dead or terminal.held() == [version] * 3, 900)
    for task in (line, work):
        while not task.done():
            task.cancel()
            await asyncio.sleep(0.05)
    for pipe in terminal.link.pipes:
        await pipe.close()
    if not work.cancelled() and work.exception() is not None:
        assert isinstance(work.exception(), PowerCut)


def publish(office: Office, version: int) -> None:
    office.publish_raw(CONFIG, version, text_body(CONFIG, {"again_within_s": version}))
    office.publish_raw(RULES, version, text_body(RULES, dict.fromkeys(RULE_NAMES, version)))
    office.publish_raw(HOTLIST, version, hotlist_body(OLD_CARDS if version == 3 else NEW_CARDS))


def whole(terminal: Terminal) -> None:
    """What is in force is one version or the other of each, all of it."""
    config, rules, cards = terminal.held()
    assert {config, rules, cards} <= {3, 4}
    now = terminal.in_force.now
    assert now["again_within_s"] == config
    in_rules = terminal.counter.books.rules
    assert [getattr(in_rules, name) for name in RULE_NAMES] == [rules] * 5
    assert in_rules.ruleset == rules
    wanted = {uid for uid, _ in (OLD_CARDS if cards == 3 else NEW_CARDS)}
    every = {uid for uid, _ in OLD_CARDS + NEW_CARDS}
    assert {uid for uid in every if terminal.hotlist.blocked(bytes.fromhex(uid))} == wanted


@pytest.mark.parametrize("after", [False, True])
def test_at_every_cut_the_old_or_the_new_is_in_force_and_the_new_follows(tmp_path, volume, after):
    office = Office()

    async def sweep() -> int:
        publish(office, 3)
        await until_held(Terminal(office, tmp_path), 3, volume)
        start = dict(volume.kept)
        publish(office, 4)
        seen = set()
        cut = 0
        while True:
            volume.kept, volume.after = dict(start), after
            volume.restart(cut)
            await until_held(Terminal(office, tmp_path), 4, volume)
            fired = volume.dead
            volume.restart()
            terminal = Terminal(office, tmp_path)
            whole(terminal)
            seen.add(tuple(terminal.held()))
            await until_held(terminal, 4, volume)
            whole(terminal)
            assert terminal.held() == [4, 4, 4]
            if not fired:
                break
            cut += 1
        assert {(3, 3, 3), (4, 3, 3), (4, 4, 3), (4, 4, 4)} == seen
        return cut

    assert onhost.run_virtual(sweep()) > 20


@pytest.mark.parametrize("after", [False, True])
def test_a_card_refused_by_the_switch_is_remembered_whole_or_not_at_all(tmp_path, volume, after):
    own = os.fspath(tmp_path / "refused.dat")
    from firmware.core.log import Log

    for cut in range(10):
        volume.kept, volume.after = {}, after
        volume.restart()
        first = hotlist.Hotlist(own, Log(8))
        first.heard(b"\1\2\3\4", "41", 1000)
        volume.left = cut
        try:
            first.heard(b"\5\6\7\x08", "43", 1001)
        except PowerCut:
            pass
        fired = volume.dead
        volume.restart()
        again = hotlist.Hotlist(own, Log(8))
        assert again.blocked(b"\1\2\3\4")
        assert again.own() in (1, 2)
        assert again.blocked(b"\5\6\7\x08") == (again.own() == 2)
        if not fired:
            assert cut >= 4
            return
    pytest.fail("it never came to its end")
