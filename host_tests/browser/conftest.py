"""A panel as `make run` starts it, and a headless Chromium that touches it only by what stands on the page.

Run by `make test-browser`, apart from `make test`. Waits end by what the page says; limits are for a busy
machine.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from host_tests.browser.page_kit import PATIENCE_MS, Panel
from host_tests.patience import PATIENCE_S

BROWSER_SCRIPT = Path("tools/browser.sh")
DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def browser():
    path = (
        os.environ.get("VAFA_BROWSER")
        or subprocess.run([BROWSER_SCRIPT], capture_output=True, text=True, check=True).stdout.strip()
    )
    with sync_playwright() as driver:
        # A container's root has no sandbox to give, and its /dev/shm is small.
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        opened = driver.chromium.launch(executable_path=path, args=options)
        yield opened
        opened.close()


@pytest.fixture
def served():
    """Starts `python -m tools.sim` with what is asked for; a list of (process, address)."""
    running = []

    def serve(*options):
        command = [sys.executable, "-u", "-m", "tools.sim", "--port", "0", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        running.append(process)
        said = ""
        while not (found := re.search(r"http://127\.0\.0\.1:\d+/", said)):
            line = process.stdout.readline()
            assert line, said
            said += line
        return found.group()

    yield serve
    for process in running:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


@pytest.fixture
def panel(browser, served):
    """Opens the page: `panel(language="en", terminal="en", viewport=...)`; an error in the page fails the test."""
    opened = []

    def start(language="en", terminal="en", viewport=None, **how):
        context = browser.new_context(
            viewport=viewport or DESKTOP, locale={"en": "en-GB", "fa": "fa-IR"}[language], **how
        )
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        opened.append((context, wrong))
        page.goto(served("--language", terminal))
        return Panel(page)

    yield start
    for context, wrong in opened:
        context.close()
        assert not wrong
