"""The verb table of the scenario language: usage, one line of help, and what does it.

docs/scenarios.md shows the same table to people; a test compares the two. A usage's first word is the verb.
"""

# ruff: noqa: E501 (a row of the table is one line)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tools.sim import scenario_act as act
from tools.sim import scenario_books as books
from tools.sim import scenario_expect as expect
from tools.sim import scenario_feedback as feedback
from tools.sim import scenario_members as members
from tools.sim import scenario_perks as perks
from tools.sim import scenario_register as register
from tools.sim import scenario_shots as shots
from tools.sim import scenario_standing as standing
from tools.sim import scenario_start as start
from tools.sim import scenario_texts as texts
from tools.sim import scenario_undo as undo
from tools.sim.scenario_parser import Grammar


@dataclass(frozen=True)
class Verb:
    """`does(stage, step)`, or `does(start, step)` for the lines at the top."""

    usage: str
    help: str
    does: Callable[..., Any]


def _included(_stage: object, _step: object) -> None:
    """`include` is resolved while reading and never comes to be run."""


START: tuple[Verb, ...] = (
    Verb("board s3|pico", "which hardware; s3 when nothing is said", start.board),
    Verb(
        "start provisioned|unprovisioned|off",
        "ready at its idle screen (the default), factory-fresh, or not yet switched on",
        start.start_as,
    ),
    Verb("member MEMBER POINTS", "opening balance of a member; a new name becomes a new member", start.member),
    Verb(
        "visits MEMBER N last N days ago [each VALUE]",
        "purchases of a member before the story, a week apart, of so many rial (100000 when nothing is said)",
        standing.visits,
    ),
    Verb(
        "card NAME KIND UID [of MEMBER] [without key]",
        "a card more, of a kind below; its UID in hex; whose it is, and whether the card office wrote it",
        start.card,
    ),
    Verb(
        "set SETTING VALUE",
        "a setting of settings.json; with `offline_redeem true` the switch reserves points, with "
        "`offline_redeem_risk true` it books without",
        start.setting,
    ),
    Verb(
        "rules WANTED...",
        "rules of the programme for both ends, each as NAME=VALUE by the names of a rules file, numbers of a list with "
        "commas between; after it `set` gives the terminal alone another one",
        start.rules,
    ),
    Verb("timeout MS", "how long an expect waits, in simulated time; 10000 when nothing is said", start.timeout),
    Verb("seed N", "the seed of everything random; 1 when nothing is said", start.seed),
)

ACT: tuple[Verb, ...] = (
    Verb("tap NAME [and NAME]...", "lay one or several cards on the reader; they stay until removed", act.tap),
    Verb("remove [NAME]", "take one card away, or all", act.remove),
    Verb("pull NAME at frame N [before|torn|after|answering]", "lay the card on; it leaves at the N-th frame from there: before hearing it (the default), in a write, after it, in its answer", act.pull),
    Verb("slow NAME MS [ms]", "from now on the card takes so much longer for every answer (an AES card: for every command)", act.slow),
    Verb("noise N", "from now on N of 100 exchanges with cards go wrong; 0 is quiet again", act.noise),
    Verb("keys KEYS...", "type: digits one by one, other keys by name (000 alone is the key 000)", act.keys),
    Verb("press KEY", "one key", act.keys),
    Verb("reference [short] [of receipt N]", "type the 12 digits of the reference on the last receipt, or of the N-th of the story; short: the last six", undo.reference),
    Verb("hold KEY MS [ms]", "keep one key down", act.hold),
    Verb("wait MS [ms]", "let simulated time pass", act.wait),
    Verb("net up|down", "plug the network in or pull it", act.net),
    Verb("net latency MS [ms]", "every answer takes this long more", act.net),
    Verb("switch normal", "forget all faults asked for", act.switch),
    Verb("switch refuse RC [times N] [for MTI]", "answer with this response code", act.switch),
    Verb("switch late MS [ms] [times N] [for MTI]", "answer, but so much later", act.switch),
    Verb("switch silent|deaf|garbage|close|replay|wrong-mac|duplicate [times N] [for MTI]", "misbehave once, or N times; for one message type, or any. silent has booked it, deaf never saw it", act.switch),
    Verb("switch wrong-certificate", "another server answers at the switch's address, with a certificate of its own, until `switch normal`", act.switch),
    Verb("switch forgets accrual|redemption", "the newest one is gone from its books, as if they had been put back to an earlier moment", act.switch),
    Verb("switch card NAME lost|stolen|active", "the office blocks a card, or lets it work again", act.block_card),
    Verb("publish config|rules WANTED...", "the switch has settings or earning rules to load, each as NAME=VALUE; heard of at the next sign-on or echo", act.publish),
    Verb("publish hotlist", "the same, of the cards that are blocked now", act.publish),
    Verb("cut power", "now", act.cut),
    Verb("cut power at flash op N [torn KIND]", "at the N-th program or erase from here; torn: nothing, done, half, prefix-64, random-bits, one-bit", act.cut),
    Verb("power on|off", "the plug", act.power),
    Verb("reset", "the reset button; power stays on", act.reset),
    Verb("printer unplug|plug|paper-out|paper-in|cover-open|cover-shut|slow|quick", "the receipt printer", act.printer),
    Verb("reader unplug|plug", "the card reader's cable", act.part),
    Verb("display unplug|plug", "the display's cable", act.part),
    Verb("flash dead|well", "the journal's part of the flash takes nothing any more: its programs and erases do nothing; or it does again", act.flash),
    Verb("console TEXT", "type a line on the serial console; {dead} is the number of the oldest rejected transaction", act.console),
    Verb("right NAME", "ask for a right on the console, have the switch answer it, type the answer", act.console_right),
    Verb("answer NAME", "have the switch answer the number on the screen, for this right, and type the digits and OK", act.keypad_right),
    Verb("terminal rekey|block|unblock|stop|zeroise|outdate|suffice", "the switch's office makes new keys for the terminal, blocks it, lets it work again, orders it to sell no more or to erase its keys, or tells it a minimum build above the one that runs, and takes that back", act.terminal_order),
    Verb("office clear|reopen", "the switch's office has the oldest rejected transaction given up, or decided anew when it comes again", act.office),
    Verb("office note|suggest|say MEMBER TEXT", "what terminals tell at the member's tap: to the staff, to offer besides, to the member; an empty text ends it", standing.line),
    Verb("office benefits bronze|silver|gold N...", "what members of a tier are entitled to: 1 to be served first, 2 support, 3 extra service, 4 a gift, 5 a special price", standing.benefits),
    Verb("office answers MEMBER TEXT", "the office answers the oldest remark of the member", feedback.answers),
    Verb("office settles dispute TEXT", "the office deals with the oldest dispute, and says how", undo.close),
    Verb("office enrolled MEMBER N years ago", "the member became one on this day so many years ago", standing.enrolled),
    Verb("office expiring MEMBER POINTS in N days", "so many points of the member expire then", standing.expiring),
    Verb("office mobile MEMBER VALUE [persian]", "the member gave a mobile number, for messages (in English unless told) and in the place of a forgotten card", members.mobile),
    Verb("keys-code MEMBER", "type the digits of the newest code the switch sent to the member, who is named, or by a card", members.type_code),
    Verb("pace MS [ms]", "from now on a person takes so long for each key; 0 is as fast as the keypad takes them", members.pace),
    Verb("stopwatch", "somebody looks at a watch", members.stopwatch),
    Verb("office offer percent|money|courtesy|bonus|win-back VALUE TEXT [for MEMBER] [above POINTS] [basket N count N]", "an offer for a member or for all, good for 30 days: per cent or rial off, 0 for a courtesy, per cent of bonus points; above a price in rial; for so many things of a basket", perks.offer),
    Verb("office voucher N percent|money VALUE [for MEMBER]", "a voucher of this number of ten digits, good for 30 days", perks.voucher),
    Verb("office basket N TEXT", "what the switch suggests with a basket of this category, 0 with any", perks.basket),
    Verb("type voucher", "type the number of the newest voucher on a receipt", perks.type_printed),
    Verb("register sale NAME VALUE [earn|burn|ask]", "the cash register orders a sale of so many rial by this reference of its own, paired by the code on the screen when it first speaks ([ecr.md](ecr.md)); NAME is in small letters", register.order),
    Verb("register pair", "it asks to be paired; the code stands on the screen", register.pair),
    Verb("register cancel NAME", "it asks for an order to end", register.cancel),
    Verb("register void NAME of NAME", "it has the sale of the second reference taken back; the order has the first", register.void),
    Verb("register balance NAME", "it asks for the points of a card", register.balance),
    Verb("provision", "put the demo's three files into the terminal, which is off", act.provision),
    Verb("screenshot FILE", "write the screen, once it is drawn, as PNG to build/screenshots", act.screenshot),
    Verb("shot NAME [page N]", "keep the screen, once it is drawn, for the gallery ([screens.md](screens.md)); of a screen with several pages the N-th, if there is one", shots.shot),
    Verb("shot receipt NAME", "keep the last receipt for the gallery, one that came since the last that was kept", shots.receipt),
    Verb("note TEXT", "a line for the person who watches the demo", act.note),
    Verb("include FILE", "put another file's lines here", _included),
)  # fmt: skip

EXPECT: tuple[Verb, ...] = (
    Verb("expect [no] screen TEXT [within MS]", "the text is on the screen, in one line or running over several", expect.screen),
    Verb("expect [no] receipt TEXT [within MS]", "the text is on the last receipt printed", expect.receipt),
    Verb("expect [no] screen NAMED... [within MS]", "texts of the catalogue, each as {name} or {code}, are on the screen in the story's language, whatever stands in their fields", texts.screen),
    Verb("expect [no] receipt NAMED... [within MS]", "the same on the last receipt printed", texts.receipt),
    Verb("expect [no] serial TEXT [within MS]", "the text came out of the serial port", expect.serial),
    Verb("expect ledger matches receipts", "for every member: balance at the switch - opening balance = points on printed receipts", expect.ledger_matches_receipts),
    Verb("expect ledger check", "the switch's books balance: postings add up, no transaction twice", expect.ledger_check),
    Verb("expect ledger MEMBER POINTS [within MS]", "a balance at the switch; the name of a card that is nobody's: of the nameless member its first sale opened", expect.ledger),
    Verb("expect pending N [within MS]", "so many transactions in the journal wait for the switch", expect.pending),
    Verb("expect dead N [within MS]", "so many were refused for good and wait for a person", expect.dead),
    Verb("expect winback MEMBER N", "the switch has heard of one purchase of the member that answers a win-back, so many days after the last visit", standing.winback),
    Verb("expect no winback MEMBER", "and of none", standing.winback),
    Verb("expect [no] remark MEMBER [TEXT] [within MS]", "what the member said, oldest first, with commas between: the digits of answers, and reasons in words", feedback.remarks),
    Verb("expect answers N named N nameless N [within MS]", "the answer N was given so often with a name, and so often without", feedback.survey),
    Verb("expect disputes N", "so many disputes the switch's office has still to deal with", undo.disputes),
    Verb("expect [no] sound ok|offline|refused|level|twice", "the sound was heard since the last tap or key: `level` of a new tier, `twice` of a best customer", expect.sound),
    Verb("expect sale MEMBER at TEXT", "the newest sale of the member in the switch's books was on this local day in this hour, YYYY-MM-DD HH, as its message said", books.sale_at),
    Verb("expect nameless records", "what the switch keeps of answers without a name has no member, no card, no clerk, no hour and no answer; there is one at least", books.nameless),
    Verb("expect led green|red on|off", "a light", expect.led),
    Verb("expect [no] sms MEMBER TEXT", "the text is in the newest message written to the member, who is named, or by a card; with `no` in none", members.message),
    Verb("expect stopwatch MS [ms]", "no more than that has passed since `stopwatch`", members.within),
    Verb("expect register NAME TEXT [within MS]", "what the terminal tells the cash register by this reference: the outcome, before there is one the state, or the number of the refusal", register.outcome),
    Verb("expect reset power-on|watchdog|hard|soft", "why the terminal started last", expect.reset_cause),
    Verb("expect power on|off [within MS]", "whether the terminal has power, for instance after a cut at a flash operation", expect.power_state),
)  # fmt: skip

VERBS: tuple[Verb, ...] = (*START, *ACT, *EXPECT)
BY_USAGE = {verb.usage: verb for verb in VERBS}
START_USAGES = frozenset(verb.usage for verb in START)


def grammar() -> Grammar:
    """The whole language."""
    return Grammar([verb.usage for verb in VERBS])
