"""Every command of docs/bench-switch.md, one after the other from an empty folder, as a person would type them."""

import importlib
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from click.testing import CliRunner

from host_tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
PASSPHRASE = "a long passphrase\n"
PROGRAMS = {
    "tools.bench_switch": "tools.bench_switch.cli",
    "tools.device": "tools.device.cli",
    "tools.release": "tools.release.__main__",
    "tools.fleet": "tools.fleet.__main__",
}


def examples():
    page = (ROOT / "docs" / "bench-switch.md").read_text()
    blocks = re.findall(r"^```\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith(".venv/bin/python -m ")]
    return [shlex.split(re.sub(r"\s+#.*", "", line))[2:] for line in lines]


def is_alone(words):
    """Whether it needs no PostgreSQL."""
    return "URL" not in words and words[0] != "tools.postgres"


def interrupt_when_served():
    """Press Ctrl-C as soon as the program waits for it."""
    before, until = signal.getsignal(signal.SIGINT), time.monotonic() + PATIENCE_S

    def wait():
        while signal.getsignal(signal.SIGINT) is before:
            if time.monotonic() > until:
                return
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def on_free_ports(words):
    """The page's own ports may be somebody else's here."""
    others = [word for word in words if word not in ("--port", "8583")]
    return [part for word in others for part in ((word, "0") if word == "--page" else (word,))] + ["--port", "0"]


def run(words):
    program = importlib.import_module(PROGRAMS[words[0]]).main
    pressing = interrupt_when_served() if "serve" in words else None
    done = CliRunner().invoke(program, words[1:], input=PASSPHRASE * 3)
    if pressing is not None:
        pressing.join()
        assert done.output.rstrip().endswith("stopped"), done.output
    assert done.exit_code == 0, (words, done.output)
    return done.output


def test_the_examples_work_in_their_order_from_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VAFA_BENCH_DATABASE", raising=False)
    alone = [words for words in examples() if is_alone(words)]
    assert len(alone) >= 15
    said = [run(on_free_ports(words) if "serve" in words else words) for words in alone]
    assert any("page: http://127.0.0.1:" in one for one in said)


def test_the_examples_with_postgresql_work_together(tmp_path, monkeypatch, postgres):
    monkeypatch.chdir(tmp_path)
    own, serve, fleet = [words for words in examples() if not is_alone(words)]
    assert (own, serve[3], fleet[0]) == (["tools.postgres"], "serve", "tools.fleet")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    begin = {"stdout": subprocess.PIPE, "text": True, "cwd": tmp_path, "env": environment}
    with subprocess.Popen([sys.executable, "-m", *own], **begin) as database:
        try:
            url = database.stdout.readline().strip()
            assert url.startswith("postgresql")
            serve = [url if word == "URL" else word for word in serve]
            with subprocess.Popen([sys.executable, "-m", *serve, "--port", "0", "--quiet"], **begin) as serving:
                try:
                    port = re.search(r"listening on 127\.0\.0\.1:(\d+)", serving.stdout.readline())[1]
                    small = {"URL": url, "127.0.0.1:8583": f"127.0.0.1:{port}", "1000": "3"}
                    said = run([*(small.get(word, word) for word in fleet), "--seconds", "1"])
                    assert "3 of 3 terminals connected" in said
                finally:
                    serving.send_signal(signal.SIGINT)
                    serving.communicate(timeout=PATIENCE_S)
        finally:
            database.send_signal(signal.SIGINT)
            database.communicate(timeout=PATIENCE_S)


def test_a_fleet_without_a_switch_says_so_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = importlib.import_module("tools.fleet.__main__").main
    done = CliRunner().invoke(
        program, ["--switch", "127.0.0.1:1", "--database", "sqlite:///b.db", "--terminals", "1000"]
    )
    assert done.exit_code == 1
    assert re.fullmatch(r"Error: no switch at .* \[B09\]\n", done.output), done.output
    assert not (tmp_path / "b.db").exists()
    assert CliRunner().invoke(program, ["--switch", "a:²", "--database", "sqlite://"]).exit_code == 2


def test_a_folder_postgresql_cannot_have_is_one_line_with_a_code(tmp_path, postgres):
    (tmp_path / "file").write_text("no folder")
    command = [sys.executable, "-m", "tools.postgres", "--folder", str(tmp_path / "file" / "deeper")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert re.fullmatch(r"Error: .*deeper.* \[B05\]\n", done.stderr), done.stderr
