"""The page's web server: three files, views to read, one address to act. Knows no wire: the books say and do it all.

Listens on 127.0.0.1 and answers under that name alone (a name some other site points here is refused), to requests of
its own page (Origin), and to nobody without the token of this start, which stands behind the # of the printed address:
a browser sends that part to no server. So neither another site in the same browser nor another user of the machine can
read or do anything here. It runs in a thread with a loop of its own, questions to the database in further threads.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from aiohttp import web

from tools.bench_switch.cli_kit import plain_errors
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.log import MessageLog
from tools.bench_switch.page.actions import act
from tools.bench_switch.page.views import VIEWS, Source
from tools.bench_switch.page.watch import Watch

HOST = "127.0.0.1"
DEFAULT_PORT = 8584
TOKEN_HEADER = "X-Vafa-Token"
_BODY_BYTES = 8192
_START_S = 10
_FOLDER = Path(__file__).parent
_FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Page:
    """Serves the page of one set of books; `about` is shown to people as it is."""

    def __init__(self, ledger: Ledger, log: MessageLog, clock: Callable[[], int], about: dict[str, str]) -> None:
        watch = Watch()
        self._forget = log.listen(watch.hear)
        self.ledger = ledger
        self._source = Source(ledger, log, watch, about)
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self.token = secrets.token_urlsafe(18)
        self.port = 0

    @property
    def url(self) -> str:
        """The address to open; who has it may do everything the page can."""
        return f"http://{HOST}:{self.port}/#token={self.token}"

    def application(self) -> web.Application:
        """Routes and rules, without a socket."""
        app = web.Application(middlewares=[self._guard], client_max_size=_BODY_BYTES)
        for path in _FILES:
            app.router.add_get(path, self._file)
        app.router.add_get("/api/{view}", self._view)
        app.router.add_post("/api/do", self._do)
        return app

    def start(self, port: int = DEFAULT_PORT) -> None:
        """Listen; returns when `url` is right. Raises OSError when the port cannot be had."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(16)
        except OSError:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener, started)), name="bench-switch-page", daemon=True
        )
        self._thread.start()
        started.wait(_START_S)

    def close(self) -> None:
        """Stop; the books stay open."""
        self._forget()
        loop, stopping, thread = self._loop, self._stopping, self._thread
        if loop is not None and stopping is not None and thread is not None:
            loop.call_soon_threadsafe(stopping.set)
            thread.join(_START_S)
        self._thread = None

    async def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        runner = web.AppRunner(self.application(), access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            started.set()
            await self._stopping.wait()
        finally:
            await runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        """Who may ask at all; every answer carries the same headers."""
        own = (f"{HOST}:{self.port}", f"localhost:{self.port}")
        if request.host not in own:
            return _refused(403, "only as 127.0.0.1 or localhost")
        if request.headers.get("Origin", f"http://{request.host}") != f"http://{request.host}":
            return _refused(403, "only from the switch's own page")
        given = request.headers.get(TOKEN_HEADER, "").encode(errors="replace")
        if request.path.startswith("/api/") and not hmac.compare_digest(given, self.token.encode()):
            return _refused(401, "open the address that `serve --page` printed: it holds the token of this start")
        try:
            answer = await handler(request)
        except web.HTTPRequestEntityTooLarge:
            return _refused(413, "too much at once")
        except web.HTTPException as error:
            return _refused(error.status, error.reason)
        answer.headers.update(_HEADERS)
        return answer

    async def _file(self, request: web.Request) -> web.Response:
        name, kind = _FILES[request.path]
        return web.Response(body=(_FOLDER / name).read_bytes(), content_type=kind, charset="utf-8")

    async def _view(self, request: web.Request) -> web.Response:
        view = VIEWS.get(request.match_info["view"])
        if view is None:
            return _refused(404, "there is no such list")
        return await self._answer(lambda: view(self._source, dict(request.query)))

    async def _do(self, request: web.Request) -> web.Response:
        try:
            form = json.loads(await request.text())
        except (ValueError, UnicodeDecodeError, RecursionError):
            form = None
        if request.content_type != "application/json" or not isinstance(form, dict):
            return _refused(400, "a form is sent as JSON [B61]")
        return await self._answer(lambda: {"done": act(self._source.ledger, form, self._clock())})

    async def _answer(self, work: Callable[[], dict[str, Any]]) -> web.Response:
        """What came of it, or why not in words, as the command line says it."""

        def said() -> web.Response:
            try:
                with plain_errors():
                    return web.json_response(work())
            except click.ClickException as error:
                return _refused(400, error.message)

        return await asyncio.get_running_loop().run_in_executor(None, said)


def _refused(status: int, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status, headers=_HEADERS)
