"""The private PostgreSQL: a loopback port with a password, gone without a trace, and only its own process ended."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from host_tests.patience import PATIENCE_S, wait_for
from tools.postgres import Cluster, PostgresMissing
from tools.postgres import server as server_module
from tools.postgres.server import Server

ROOT = Path(__file__).parents[2]


@pytest.fixture
def needs_postgres(postgres):
    """Skipped, and said so, where there is none."""


@pytest.fixture
def open_folder():
    """A folder that the account `postgres` may stand in; pytest's own are closed to it."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.usefixtures("needs_postgres")
def test_two_clusters_are_apart_and_each_ends_its_own():
    with Cluster() as one:
        with Cluster() as two:
            assert one.pid != two.pid
            first, second = one.new_database(), one.new_database()
            assert first != second
            assert make_url(one.url).host == "127.0.0.1"
            folder = Path(f"/proc/{two.pid}/cwd").resolve()
            assert folder.exists()
        wait_for(lambda: not runs(two.pid))
        assert not folder.exists()
        assert runs(one.pid)
        engine = create_engine(first)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
        engine.dispose()
    wait_for(lambda: not runs(one.pid))


@pytest.mark.usefixtures("needs_postgres")
def test_who_does_not_know_the_password_gets_nothing():
    with Cluster() as cluster:
        url = make_url(cluster.url)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=url.host, port=url.port, user=url.username, dbname="postgres", password="")


@pytest.mark.usefixtures("needs_postgres")
def test_a_killed_owner_leaves_no_server_behind():
    program = (
        "import sys, tools.postgres\nwith tools.postgres.Cluster() as c: print(c.pid, flush=True), sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as owner:
        pid = int(owner.stdout.readline())
        folder = Path(f"/proc/{pid}/cwd").resolve()
        owner.kill()
    wait_for(lambda: not runs(pid))
    wait_for(lambda: not folder.exists())


@pytest.mark.usefixtures("needs_postgres")
def test_a_kept_folder_has_its_data_again(open_folder):
    for expected in ([], ["kept"]):
        server = Server(open_folder / "kept", fast=True)
        server.start()
        try:
            engine = create_engine(server.url)
            with engine.begin() as connection:
                tables = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
                assert list(tables) == expected
                connection.execute(text("CREATE TABLE IF NOT EXISTS kept (n int)"))
            engine.dispose()
        finally:
            server.stop()


def test_a_machine_without_postgresql_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(server_module.Path, "glob", lambda *_: iter(()))
    monkeypatch.setattr(server_module.shutil, "which", lambda _name: None)
    with pytest.raises(PostgresMissing, match="apt-get install postgresql"), Cluster():
        pass


@pytest.mark.usefixtures("needs_postgres")
def test_the_command_prints_the_url_and_stops_on_ctrl_c():
    command = [sys.executable, "-m", "tools.postgres", "--fast"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as serving:
        url = serving.stdout.readline().strip()
        engine = create_engine(url)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
        engine.dispose()
        serving.send_signal(signal.SIGINT)
        serving.communicate(timeout=PATIENCE_S)
    assert serving.returncode == 0
