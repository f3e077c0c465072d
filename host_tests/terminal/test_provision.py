"""The provisioning tool as a process, through the serial port of terminals running the shipped firmware."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.terminal import beside
from host_tests.terminal.test_personalise import worked
from tools.bench_switch.pki import DEFAULT_FOLDER, ensure
from tools.device import provision_on_terminal, secret_store, terminal
from tools.device.contact import Contact
from tools.device.errors import DeviceError
from tools.device.output import Output
from tools.device.probing import Answers, Found
from tools.device.provision import Bench, Ways, chooser
from tools.device.provision_session import SETUP, ProvisioningSession, State
from tools.device.secret_store import key_name, wifi_name
from tools.device.terminal_file import load
from tools.sim import demo
from tools.sim.demo_signer import demo_signer
from tools.sim.scenario_stage import SWITCH_PORT, Stage
from tools.sim.scenario_start import Start

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(provision_on_terminal.__file__)
PASSPHRASE = "a demo of nine words"
OTHER_WORD = "another-wifi-word"
KEYS = {"tmk": demo.TMK, "mac_out": demo.MAC_OUT, "mac_in": demo.MAC_IN}
SECRETS = [PASSPHRASE, demo.WIFI_PSK, OTHER_WORD, demo.CARD_GROUP.hex(), *(key.hex() for key in KEYS.values())]
YAML = f"""
v: 1
firmware: {{board: s3}}
defaults:
  merchant: {demo.MERCHANT_ID}
  locale: en
  wifi: {demo.WIFI_SSID}
  currency: 364
  config_keys: config-keys.bin
  switch: {{host: {demo.SWITCH_NAME}, port: {SWITCH_PORT}, name: {demo.SWITCH_NAME}, nii: {demo.NII}, ca: ca.pem}}
secrets: {{file: secrets.enc}}
terminals:
  - {{tid: "{demo.TERMINAL_ID}", till: 1}}
label: {{size: 62x29, fields: [tid, serial, board, fw]}}
"""


class Laptop:
    """The technician's: the tool, a YAML file and what lies beside it; one terminal at its cable."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage = stage
        self.folder = folder
        self.file = folder / "shop.yaml"
        self.file.write_text(YAML)
        (folder / "ca.pem").write_bytes(ensure(DEFAULT_FOLDER).ca_der.read_bytes())
        (folder / "config-keys.bin").write_bytes(demo_signer().modulus)
        store = secret_store.new(folder / "secrets.enc", PASSPHRASE, cost=1 << 14)
        store.put(
            {key_name(demo.TERMINAL_ID, name): key.hex() for name, key in KEYS.items()}
            | {"card_group": demo.CARD_GROUP.hex(), wifi_name(demo.WIFI_SSID): demo.WIFI_PSK}
        )
        self.heard = ""
        self.arguments: list[str] = []

    def run(self, *arguments: str, typed: str = "") -> tuple[int, list[dict[str, Any]], str]:
        """Run the tool while the terminal lives: exit code, its JSON lines, what it told people."""
        way = ["--port", self.stage.terminal.serial_path, "--yes", "--timeout", "30"]
        return self.command([sys.executable, "-m", "tools.device", "--json", *arguments, *way], typed)

    def command(self, words: list[str], typed: str) -> tuple[int, list[dict[str, Any]], str]:
        """Run a command line; nobody sits at a keyboard, so that a prompt reads what is piped to it."""
        self.arguments += words
        code, out, err = beside.run(
            words, lambda: self.stage.run(beside.SLICE_MS), self.stage.serial, typed=typed, SHOP=PASSPHRASE
        )
        self.heard += out + err
        return code, [json.loads(line) for line in out.splitlines() if line.startswith("{")], err

    def provision(self, *more: str) -> tuple[int, list[dict[str, Any]], str]:
        return self.run("provision", "--file", str(self.file), "--passphrase-env", "SHOP", *more)

    def verify(self) -> tuple[int, list[dict[str, Any]], str]:
        return self.run("verify", "--file", str(self.file), "--passphrase-env", "SHOP")


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Laptop]:
    stage = Stage(Start(provisioned=False))
    try:
        stage.open()
        yield Laptop(stage, tmp_path)
    finally:
        stage.close()


def shown(stage: Stage, text: str) -> None:
    assert stage.run_until(lambda: any(text in line for line in stage.screen_lines()), 20_000), stage.screen_lines()


def test_the_pages_file_and_commands_provision_a_fresh_terminal_and_a_second_run_changes_nothing(
    laptop: Laptop,
) -> None:
    page = (ROOT / "docs" / "provisioning.md").read_text().split("## A file for many terminals")[1]
    example, commands = re.findall(r"^```\w*\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[:2]
    shop = laptop.folder / "shop"
    shop.mkdir()
    (shop / "shop.yaml").write_text(example)
    shown(laptop.stage, "Not provisioned")
    said: list[str] = []
    typed = {
        "new": [],
        "import": [],
        "set": [demo.WIFI_PSK],
        "provision": ["y"],
        "verify": [],
    }
    for line in [*commands.splitlines(), commands.splitlines()[4]]:
        words = shlex.split(line.replace("build/shop", str(shop)).replace("PORT", laptop.stage.terminal.serial_path))
        words[0] = sys.executable
        names = [word for word in words if word in typed]
        answers = "".join(answer + "\n" for answer in typed[names[0]]) if names else ""
        more = ["--passphrase-env", "SHOP"] if names else []  # nobody sits at a terminal
        more += ["--out", str(shop)] if "label" in words else []
        code, _, told = laptop.command(words + more, answers)
        assert code == 0, (line, told)
        said.append(told)
    assert "VAFA0001: provisioned, 11 settings, 5 secrets (check " in said[4].replace("\n", " ")
    assert "as " in said[5] and (shop / "VAFA0001.png").exists() and "unchanged" in said[7]
    secret_free(laptop)


def test_a_terminal_that_was_never_provisioned_says_so_to_whoever_asks_it(laptop: Laptop) -> None:
    shown(laptop.stage, "Not provisioned")
    for code, events, told in (laptop.run("health"), laptop.verify()):
        assert code == 4 and events[-1]["code"] == "K01" and "`provision`" in events[-1]["next"], told


def secret_free(laptop: Laptop, *texts: str) -> None:
    """Nothing that was printed, noted, drawn, said by the terminal or given as an argument holds a secret."""
    said = [laptop.heard, laptop.stage.serial(), "\n".join(laptop.arguments), *texts]
    for text in said:
        for secret in SECRETS:
            assert secret not in text and secret.upper() not in text
        for key in (*KEYS.values(), demo.CARD_GROUP):
            assert repr(key)[2:-1] not in text


def test_a_shop_is_provisioned_checked_labelled_and_moved_to_another_access_point(laptop: Laptop) -> None:
    stage, ledger, labels = laptop.stage, laptop.folder / "shop.ledger.jsonl", laptop.folder / "labels"
    batch = ("batch", str(laptop.file), "--passphrase-env", "SHOP", "--labels", str(labels))
    code, events, told = laptop.run(*batch)
    assert code == 0 and events[-1] == {"v": 1, "event": "batch", "done": 1, "left": []}, told
    shown(stage, "READY")
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["begun", "done"] and lines[1]["tid"] == demo.TERMINAL_ID
    assert (labels / f"{demo.TERMINAL_ID}.png").exists()
    code, events, told = laptop.run(*batch)
    assert code == 0 and len(ledger.read_text().splitlines()) == 2, "what is done is not asked for again"

    code, events, told = laptop.run("provision", "--wifi", "shop-b", typed=f"{OTHER_WORD}\n")
    assert code == 0 and events[-1]["result"] == "wifi", told
    code, events, told = laptop.verify()
    differing = next(event["differ"] for event in events if "differ" in event)
    assert code == 6 and differing == ["settings", "wifi_psk"], told
    laptop.file.write_text(YAML.replace(f"wifi: {demo.WIFI_SSID}", "wifi: shop-b"))
    secret_store.opened(laptop.folder / "secrets.enc", PASSPHRASE).put({wifi_name("shop-b"): OTHER_WORD})
    code, events, told = laptop.verify()
    assert code == 0 and next(event["differ"] for event in events if "differ" in event) == [], told

    label = (labels / f"{demo.TERMINAL_ID}.png").read_bytes().decode("latin-1")
    secret_free(laptop, ledger.read_text(), label)
    start, size = stage.terminal.layout.partitions["vfs"]
    files = bytes(stage.terminal.nor.image[start : start + size])
    assert b"terminal_id" in files
    for key in KEYS.values():
        assert key.hex().encode() not in files, "a file system keeps copies; the key store does not"


class Pulled:
    """A serial port whose cable is pulled so many bytes after a word was sent."""

    def __init__(self, line: Any, word: bytes, after: int) -> None:
        self._line = line
        self._word = word
        self._after = after
        self._sent = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    def write(self, data: bytes) -> int:
        self._sent += data
        at = self._sent.find(self._word)
        late = len(self._sent) - (at + len(self._word) + self._after)
        if at < 0 or late < 0:
            self._line.write(data)
            return len(data)
        self._line.write(data[: max(len(data) - late, 0)])
        self._line.close()
        raise OSError(5, "the cable is out")


CUTS = [(b"class Provisioning", 900), (b"piece('ca.der'", 100), (b"provisioning.keys(", 60)]


def test_a_cable_pulled_while_much_is_sent_leaves_it_unprovisioned_and_the_next_run_converges(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, path = laptop.stage, laptop.stage.terminal.serial_path
    shown(stage, "Not provisioned")
    file = load(laptop.file)
    contact = Contact(Output(False), port=path, yes=True, timeout_s=8)

    def attempt(word: bytes, after: int) -> str:
        opened = terminal._opened  # noqa: SLF001

        def loose(port: str) -> Any:
            transport = opened(port)
            transport.serial = Pulled(transport.serial, word, after)
            return transport

        with monkeypatch.context() as patched:
            patched.setattr(terminal, "_opened", loose)
            secrets = secret_store.opened(laptop.folder / "secrets.enc", PASSPHRASE)
            bench = Bench(contact, file, secrets, Ways(), chooser(file, ""))
            try:
                return worked(stage, lambda: bench.one(Found(Answers.PROMPT, path, "s3"))).result
            except DeviceError as error:
                return error.code

    for word, after in CUTS:
        assert attempt(word, after) == "D04", word
    state = worked(stage, lambda: looked(path))
    assert (state.keys, state.tid) == ("no", ""), "nothing counts before all of it came"
    contact.timeout_s = 2
    assert attempt(b"machine.reset", 0) == "D84", "all of it came, and it was not told to start"
    contact.timeout_s = 30
    assert attempt(b"never sent", 0) == "unchanged"
    shown(stage, "READY")


def looked(path: str) -> State:
    session = ProvisioningSession(terminal.prompt(path, PROGRAM, SETUP, maintenance=False))
    try:
        return session.look()
    finally:
        session.close(restart=False)
