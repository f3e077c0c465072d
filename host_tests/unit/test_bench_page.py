"""The switch's page over HTTP: who may ask, what every action does to the books, and what is never shown."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from host_tests.patience import PATIENCE_S
from host_tests.unit.bench_client import (
    ALI,
    KEY_IN,
    KEY_OUT,
    NOW,
    SARA,
    STRANGER,
    TERMINAL,
    Client,
    accrual,
    answered,
    furnish,
    inquiry,
    network,
    redemption,
    sealed,
)
from tools.bench_switch import Fault, Ledger, page
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import KINDS, FaultScript
from tools.bench_switch.log import MessageLog
from tools.bench_switch.page.actions import ACTIONS
from tools.bench_switch.page.server import TOKEN_HEADER, Page
from tools.bench_switch.page.views import VIEWS
from tools.bench_switch.pki import ensure

ROOT = Path(__file__).parents[2]
FOLDER = Path(page.__file__).parent


class Office:
    """A served page with the desk that feeds its log, and a browser that holds the token."""

    def __init__(self, database):
        self.ledger = Ledger(database)
        furnish(self.ledger)
        self.log = MessageLog(lambda: NOW)
        self.desk = Desk(self.ledger, FaultScript(other=self.ledger.take_fault), self.log, lambda: NOW)
        self.page = Page(self.ledger, self.log, lambda: NOW, {"terminals at": "127.0.0.1:1", "books in": "SQLite"})
        self.page.start(0)

    def request(self, method, path, *, token=None, body=None, data=None, **headers):
        async def run():
            given = {TOKEN_HEADER: self.page.token if token is None else token, **headers}
            async with aiohttp.ClientSession() as session:
                address = f"http://127.0.0.1:{self.page.port}{path}"
                async with session.request(method, address, headers=given, json=body, data=data) as answer:
                    return answer.status, await answer.text(), answer.headers

        return asyncio.run(run())

    def see(self, view, code=200):
        status, said, _ = self.request("GET", f"/api/{view}")
        assert status == code, said
        return json.loads(said)

    def do(self, action, **form):
        status, said, _ = self.request("POST", "/api/do", body={"do": action, **form})
        assert status == 200, said
        return json.loads(said)["done"]

    def refused(self, action, **form):
        status, said, _ = self.request("POST", "/api/do", body={"do": action, **form})
        assert status == 400, said
        return json.loads(said)["error"]

    def ask(self, request):
        return answered(request, self.desk.handle(sealed(request)).data[2:])


@pytest.fixture
def office(database):
    served = Office(database)
    yield served
    served.page.close()
    assert served.ledger.check() == []
    served.ledger.close()


@pytest.fixture
def small():
    """One database is enough where the books have no part."""
    served = Office("sqlite://")
    yield served
    served.page.close()
    served.ledger.close()


# --- who may ask ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "x", "ÄÖ", "x" * 24])
def test_nothing_is_told_without_the_token(small, token):
    for name in (*VIEWS, "nothing"):
        status, said, _ = small.request("GET", f"/api/{name}", token=token)
        assert status == 401
        assert set(json.loads(said)) == {"error"}


def test_nothing_is_done_without_the_token(small):
    status, _, _ = small.request("POST", "/api/do", token="", body={"do": "terminal.block", "terminal": TERMINAL})
    assert status == 401
    status, _, _ = small.request("POST", f"/api/do?token={small.page.token}", token="", body={"do": "fault.clear"})
    assert status == 401
    assert not small.ledger.terminal(TERMINAL).blocked


def test_another_site_and_another_name_are_refused_even_with_the_token(small):
    block = {"do": "terminal.block", "terminal": TERMINAL}
    for headers in ({"Origin": "http://elsewhere.example"}, {"Origin": "null"}, {"Host": "elsewhere.example"}):
        assert small.request("POST", "/api/do", body=block, **headers)[0] == 403
        assert small.request("GET", "/", **headers)[0] == 403
    assert not small.ledger.terminal(TERMINAL).blocked
    own = f"127.0.0.1:{small.page.port}"
    assert small.request("POST", "/api/do", body=block, Origin=f"http://{own}")[0] == 200
    assert small.ledger.terminal(TERMINAL).blocked


def test_a_plain_form_of_another_page_does_nothing(small):
    text = json.dumps({"do": "terminal.block", "terminal": TERMINAL})
    status, _, _ = small.request("POST", "/api/do", data=text, **{"Content-Type": "text/plain"})
    assert status == 400
    assert not small.ledger.terminal(TERMINAL).blocked


def test_only_this_machine_can_reach_it(small):
    with socket.socket() as other:
        other.bind(("127.0.0.2", small.page.port))  # the port is taken on 127.0.0.1 alone
    assert small.page.url == f"http://127.0.0.1:{small.page.port}/#token={small.page.token}"
    assert len(small.page.token) >= 24
    assert Page(small.ledger, small.log, lambda: NOW, {}).token != small.page.token


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff\xfe", b'{"do": 1}', b"[" * 4000, b'{"do": "' + b"x" * 9000])
def test_nonsense_is_answered_in_words(small, body):
    status, said, headers = small.request("POST", "/api/do", data=body, **{"Content-Type": "application/json"})
    assert status in (400, 413)
    assert json.loads(said)["error"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert small.see("start")["faults"] == KINDS


def test_the_page_is_three_files_that_need_nobody_else(small):
    for path, word in (("/", "<title>Vafa switch"), ("/page.js", "/api/do"), ("/page.css", "--accent")):
        status, text, headers = small.request("GET", path, token="")
        assert status == 200
        assert word in text
        assert headers["Cache-Control"] == "no-store"
        assert not re.findall(r"https?://(?!127)|@import|//[a-z]+\.[a-z]+/", text)
    assert small.request("GET", "/server.py")[0] == 404
    assert "innerHTML" not in (FOLDER / "page.js").read_text()


# --- what is done -----------------------------------------------------------------------------------------------------


def test_members_are_added_found_and_shown(office):
    said = office.do("member.add", name="reza", points="700", tier="silver", mobile="۰۹۱۲۱۱۱۲۲۳۳", language="en")
    assert said == "reza is member 1003"
    office.do("card.bind", uid="11223344", member="reza")
    for word in ("rez", "REZ", "1003", "1122"):
        (found,) = office.see(f"members?q={word}")["members"]
        assert (found["name"], found["points"], found["cards"]) == ("reza", 700, ["11223344"])
    assert office.see("members?q=%25")["members"] == []
    shown = office.see(f"member?id={found['id']}")
    assert (shown["tier"], shown["contact"]) == ("silver", {"mobile": "0912***2233", "language": "en"})
    assert [(row["verb"], row["points"]) for row in shown["bookings"]] == [("opening", 700)]
    assert office.do("member.contact", member=1003, mobile="") == "the member gets no messages any more"
    assert office.see("member?id=99", code=400)["error"] == "no such member [B10]"
    assert office.refused("member.add", name="reza") == "there is a member 'reza' already [B11]"
    assert (
        office.refused("member.add", name="maryam", mobile="12") == "a mobile number is 09 and nine digits more [B15]"
    )
    assert office.refused("member.add", name="maryam", points="many") == "points is no whole number [B61]"
    assert len(office.ledger.members()) == 3


def test_points_are_booked_with_a_reason_on_both_sides(office):
    assert (
        office.do("member.points", member=1001, points="-100", reason="typing mistake") == "-100 points booked, 500 now"
    )
    assert "the member has 500 points" in office.refused("member.points", member=1001, points="-501", reason="more")
    assert office.refused("member.points", member=1001, points="5", reason=" ") == "say why in 1 to 120 bytes [B14]"
    assert office.ledger.accounts() == {"issued": -500, "member": 500}
    books = office.see("books")
    assert (books["bookings"][0]["verb"], books["bookings"][0]["reason"]) == ("adjust", "typing mistake")
    assert office.see("check") == {"problems": [], "transactions": 2}


def test_cards_are_bound_moved_and_blocked(office):
    office.ask(accrual(1, 9_000, uid=STRANGER))
    assert "9 points came along" in office.do("card.move", uid=STRANGER.lower(), member="1002")
    assert office.ledger.balance("sara") == 9
    for state, rc in (("lost", "41"), ("stolen", "43"), ("active", "00")):
        assert office.do("card.state", uid=SARA, state=state) == f"card {SARA} is {state}"
        assert office.ask(inquiry(SARA)).rc == rc
        assert [card["uid"] for card in office.see("cards?blocked=1")["cards"]] == ([SARA] if rc != "00" else [])
    office.do("card.way", uid=SARA, way="sun")
    (card,) = office.see("cards?q=04a1")["cards"]
    assert (card["uid"], card["way"], card["name"]) == (SARA, "sun", "sara")
    assert office.refused("card.bind", uid="xyz", member="ali").endswith("[B22]")
    assert office.refused("card.bind", uid=ALI, member="sara").endswith("[B21]")
    assert office.refused("card.move", uid="00112233", member="sara") == "no card 00112233 [B20]"


def test_a_terminal_is_blocked_and_tells_when_it_was_heard_and_how_long_its_sales_waited(office):
    assert office.see("terminals")["terminals"][0]["seen"] is None
    office.ask(network("001"))
    office.ask(accrual(7, 5_000, "0220", **{"12": "003000", "13": "1122"}))  # three hours before NOW in Tehran
    (row,) = office.see("terminals")["terminals"]
    assert (row["high_seq"], row["kid"], row["seen"], row["waited_s"]) == (7, 1, NOW, 3 * 3600)
    office.do("terminal.block", terminal=TERMINAL)
    assert office.ask(network("001")).rc == "58"
    office.do("terminal.unblock", terminal=TERMINAL)
    assert office.ask(network("001")).rc == "00"
    assert office.refused("terminal.block", terminal="NOBODY") == "no terminal 'NOBODY' [B30]"


def test_faults_are_set_listed_met_and_cleared(office):
    office.do("fault.set", kind="refuse", rc="91", count="2", mti="0200")
    office.do("fault.set", kind="late", ms="8000", terminal="OTHER")
    assert office.ask(accrual(1, 5_000)).rc == "91"
    assert [(one["kind"], one["count"]) for one in office.see("faults")["faults"]] == [("refuse", 1), ("late", 1)]
    assert office.ledger.scripted_faults()[1] == Fault("late", ms=8000, terminal="OTHER")
    office.do("fault.clear")
    assert office.see("faults")["faults"] == []
    assert "unknown fault 'fire'" in office.refused("fault.set", kind="fire")
    assert "count must be 1 or more" in office.refused("fault.set", kind="late", count="0")


def test_messages_come_decoded_and_only_new_ones(office):
    office.ask(accrual(1, 125_000))
    came, went = office.see("messages")["messages"]
    assert (came["direction"], came["mti"], came["tags"]["SEQ"]) == ("in", "0200", 1)
    assert (went["direction"], went["fields"]["39"], went["tags"]["POINTS"]) == ("out", "00", 125)
    assert office.see(f"messages?after={went['number']}")["messages"] == []
    assert office.see("messages?after=x")["messages"] == [came, went]


def test_text_messages_are_listed_masked(office):
    office.do("member.contact", member=1001, mobile="09123456789")
    office.ask(redemption(1, 500))
    (text,) = office.see("sms")["messages"]
    assert (text["to"], text["kind"], text["state"]) == ("0912***6789", "redeemed", "queued")
    member = office.see("members?q=ali")["members"][0]["id"]
    assert office.see(f"member?id={member}")["messages"] == [text]


def test_a_rejected_transaction_is_decided_anew_or_given_up(office):
    office.ledger.set_card(ALI, "lost")
    for seq in (1, 2):
        assert office.ask(accrual(seq, 5_000, "0220")).rc == "41"
    office.ledger.set_card(ALI, "active")
    office.do("letter.reopen", terminal=TERMINAL, seq=1)
    assert office.ask(accrual(1, 5_000, "0221")).rc == "00"
    office.do("letter.clear", terminal=TERMINAL, seq=2)
    assert [(one["seq"], one["state"]) for one in office.see("letters")["letters"]] == [(2, "ordered")]
    assert office.refused("letter.reopen", terminal=TERMINAL, seq=1).endswith("[B81]")
    office.do("letter.unclear", terminal=TERMINAL, seq="2")
    assert [(one["seq"], one["state"]) for one in office.see("letters")["letters"]] == [(2, "refused")]


def test_giving_up_asks_first():
    script = (FOLDER / "page.js").read_text()
    (asked,) = re.findall(r"if \(confirm\(`(.+?)`\)\)\s+act\(\"letter.clear\"", script)
    assert "never booked" in asked
    assert script.count('"letter.clear"') == 1


def test_allowances_are_listed_and_only_an_open_one_is_given_back(office):
    assert office.see("allowances?closed=1") == {"allowances": []}
    assert office.refused("allowance.cancel", id=7) == "no open allowance 7 [B70]"


def test_nothing_the_page_shows_is_a_key_or_a_whole_number(office):
    office.do("member.contact", member=1001, mobile="09123456789")
    office.ask(redemption(1, 500))
    shown = "".join(json.dumps(office.see(name)) for name in VIEWS if name != "member")
    shown += json.dumps(office.see("member?id=1"))
    for secret in (KEY_OUT.hex(), KEY_IN.hex(), "9123456789", "mac_"):
        assert secret not in shown


def test_every_action_the_script_calls_is_there_and_every_other_is_refused(small):
    called = set(re.findall(r'(?:act|form)\("([a-z.]+)"', (FOLDER / "page.js").read_text()))
    assert called <= set(ACTIONS)
    assert set(ACTIONS) - called <= {"card.way"}
    read = set(re.findall(r'read\("([a-z]+)"', (FOLDER / "page.js").read_text()))
    assert read == set(VIEWS)
    assert small.refused("member.delete", member=1001) == "there is no such action [B61]"


def test_books_that_do_not_work_are_one_line_of_words(small):
    small.ledger._engine.dispose()
    with small.ledger._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS outbox")
    said = small.see("sms", code=400)["error"]
    assert said.startswith("the database does not work: no such table")
    assert "\n" not in said


# --- beside a serving switch ------------------------------------------------------------------------------------------


def test_the_switch_prints_the_address_and_the_page_hears_all_its_workers(tmp_path, shared_database):
    ledger = Ledger(shared_database)
    furnish(ledger)
    workers = "1" if shared_database.startswith("sqlite") else "2"
    command = [sys.executable, "-m", "tools.bench_switch", "serve", "--port", "0", "--pki", str(tmp_path / "pki")]
    command += ["--page", "0", "--workers", workers, "--quiet"]
    environment = os.environ | {"COLUMNS": "60", "VAFA_BENCH_DATABASE": shared_database}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as serving:
        try:
            said = ""
            while "Ctrl-C" not in said:
                line = serving.stdout.readline()
                assert line, said
                said += line
            address, token = re.search(r"^page: (http://127.0.0.1:\d+)/#token=(\S+)$", said, re.MULTILINE).groups()
            served = Served(int(re.search(r"listening on 127.0.0.1:(\d+)", said)[1]), ensure(tmp_path / "pki"))

            async def heard():
                found = []
                async with aiohttp.ClientSession(headers={TOKEN_HEADER: token}) as session:
                    for _ in range(round(PATIENCE_S / 0.05)):
                        async with session.get(f"{address}/api/messages") as answer:
                            found = [one["mti"] for one in (await answer.json())["messages"] if one["mti"]]
                        if len(found) >= 8:
                            return found
                        await asyncio.sleep(0.05)
                    return found

            for session in range(4):
                with Client(served) as client:
                    assert client.ask(network("001", 0x80000001 + session)).rc == "00"
            assert sorted(asyncio.run(heard())) == ["0800"] * 4 + ["0810"] * 4
            serving.send_signal(signal.SIGINT)
            said = serving.communicate(timeout=PATIENCE_S)[0]
        finally:
            if serving.poll() is None:
                serving.kill()
    assert (serving.returncode, said.strip()) == (0, "stopped")
    ledger.close()


class Served:
    """What the client has to know of a switch in another process."""

    host = "127.0.0.1"

    def __init__(self, port, identity):
        self.port = port
        self.identity = identity
