"""Texts of all kinds, shaped, ordered and drawn, as numbers both runtimes must agree on; in the subset both have."""

from binascii import crc32

TEXTS = (
    "",
    "مانده حدود 12,450 امتیاز (تأیید نشده)",
    "می‌خواهم 5% از 1405/01/02 تا VAFA0001",
    "لا لأ بلا كي ٤٥٦ «نقل»",
    "José 😀 Иван \ud800 \x00\x1b\u202e\u200fab",
    "((ت [OK) ب] -500 +1 ~2 ***6789",
)
_LETTERS = (
    "ءآأؤإئابپةتثجچحخدذرزژسشصضطظعغفقکگلمنوهیيكى\u200c\u200d\u0640\u064e\u202b"
    " ()[]{}«»<>+-~*#%,./:@=!؟،؛0123456789۰۱۲٤٥AaZzé\u00a0\u2026😀\ufeff\ufedf\ufef7\n\t\x7f"
)


def texts(count: int) -> "list[str]":
    """So many texts, the same everywhere."""
    letters, state, out = list(_LETTERS), 1, []
    for _ in range(count):
        text = ""
        state = (state * 75 + 74) % 65537
        for _ in range(state % 40):
            state = (state * 75 + 74) % 65537
            text += letters[state % len(letters)]
        out.append(text)
    return out


def run() -> "dict[str, object]":
    """All answers."""
    from framebuf import MONO_VLSB, FrameBuffer

    from firmware.screen.script import Script
    from firmware.text.visual import visual

    script = Script()
    answers: "dict[str, object]" = {}
    for number, text in enumerate(TEXTS):
        answers["visual/%d" % number] = [list(visual(text, rtl)) for rtl in (False, True)]
        for big in (False, True):
            buffer = bytearray(1024)
            frame = FrameBuffer(buffer, 128, 64, MONO_VLSB)
            frame.fill_rect(0, 30, 128, 20, 1)
            script.draw(frame, text, -3, 5, big, 1, True)
            script.draw(frame, text, 2, 31, big, 0, False)
            answers["drawn/%d/%d" % (number, big)] = [crc32(buffer), script.width(text, big, True)]
    seen = 0
    for text in texts(600):
        for rtl in (False, True):
            seen = crc32(b"".join([code.to_bytes(2, "big") for code in visual(text, rtl)]), seen)
    answers["visual/many"] = seen
    return answers
