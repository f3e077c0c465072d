"""The panel's web server: one page, one websocket. Knows no chip and no switch: a backend says what is and does it.

Screen frames go out as 1024 binary bytes (SSD1306 pages), everything else as JSON: {"state": {...}} with what changed,
{"tones": [[ms, hz], ...]}, {"error": {"code": ..., "value": ...}}. Hands come in as {"do": ..., ...}. Listens on
127.0.0.1 and answers only pages it served itself, so no other site in the same browser can press a key.
"""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any, Protocol

from aiohttp import WSMsgType, web

from tools.sim.panel.errors import PanelError

HOST = "127.0.0.1"
DEFAULT_PORT = 8087
FRAME_MS = 40
STATE_MS = 160
PAGE = Path(__file__).parent / "page"
_KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".woff2": "font/woff2",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Backend(Protocol):
    """What the panel shows and moves. Every call may come from the server's thread and must not take long."""

    def screen(self) -> bytes: ...
    def state(self) -> dict[str, Any]: ...
    def tones(self) -> list[tuple[int, int]]:
        """(milliseconds, hertz) since the last call; 0 Hz is silence."""
        ...

    def receipt_png(self, number: int) -> bytes:
        """The picture of a printed receipt, from 1 on. Raises IndexError when there is none."""
        ...

    def do(self, command: dict[str, Any]) -> None:
        """One thing a hand does. Raises PanelError with a code the page has a sentence for."""
        ...


class Panel:
    """Serves a backend to any number of open pages."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._pages: set[web.WebSocketResponse] = set()
        self._runner: web.AppRunner | None = None
        self._task: asyncio.Task[None] | None = None
        self._frame = b""
        self._state: dict[str, Any] = {}
        self.port = 0

    async def start(self, port: int = DEFAULT_PORT, exact: bool = False) -> str:
        """Listen on the port, or the next free one unless `exact`; the address to open."""
        listener = _listen(port, exact)
        self.port = listener.getsockname()[1]
        app = web.Application()
        app.router.add_get("/", self._file)
        for file in PAGE.iterdir():
            if file.suffix in _KINDS:
                app.router.add_get(f"/{file.name}", self._file)
        app.router.add_get(r"/receipt-{number:[0-9]{1,6}}.png", self._receipt)
        app.router.add_get("/ws", self._socket)
        runner = self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        self._task = asyncio.create_task(self._push())
        return f"http://{HOST}:{self.port}/"

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for page in list(self._pages):
            await page.close()
        if self._runner is not None:
            await self._runner.cleanup()

    # --- requests -----------------------------------------------------------------------------------------------------

    async def _file(self, request: web.Request) -> web.Response:
        self._check_host(request)
        file = PAGE / (request.path[1:] or "index.html")
        kind = _KINDS[file.suffix]
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        charset = None if file.suffix == ".woff2" else "utf-8"
        return web.Response(body=file.read_bytes(), content_type=kind, charset=charset, headers=headers)

    async def _receipt(self, request: web.Request) -> web.Response:
        self._check_host(request)
        try:
            picture = await asyncio.to_thread(self._backend.receipt_png, int(request.match_info["number"]))
        except IndexError as error:
            raise web.HTTPNotFound(text="no such receipt") from error
        return web.Response(body=picture, content_type="image/png", headers={"Cache-Control": "no-store"})

    def _check_host(self, request: web.Request) -> None:
        """A name that some other site points here (DNS rebinding) is not ours."""
        if request.host not in (f"{HOST}:{self.port}", f"localhost:{self.port}"):
            raise web.HTTPForbidden(text="only as 127.0.0.1 or localhost")

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        self._check_host(request)
        if request.headers.get("Origin", f"http://{request.host}") != f"http://{request.host}":
            raise web.HTTPForbidden(text="only from the panel's own page")
        page = web.WebSocketResponse(heartbeat=20, max_msg_size=4096)
        await page.prepare(request)
        await page.send_bytes(self._backend.screen())
        await page.send_json({"state": await asyncio.to_thread(self._backend.state)})
        self._pages.add(page)
        held: set[str] = set()
        try:
            async for message in page:
                if message.type == WSMsgType.TEXT:
                    await self._hand(page, message.data, held)
        finally:
            self._pages.discard(page)
            for key in held:  # the page went away with a finger on a key
                self._backend.do({"do": "up", "key": key})
        return page

    async def _hand(self, page: web.WebSocketResponse, text: str, held: set[str]) -> None:
        try:
            command = json.loads(text)
            if not isinstance(command, dict) or "do" not in command:
                raise PanelError("unknown")
            self._backend.do(command)
            if command["do"] == "down":
                held.add(command["key"])
            elif command["do"] == "up":
                held.discard(command["key"])
        except PanelError as error:
            await page.send_json({"error": {"code": error.code, "value": error.value}})
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            await page.send_json({"error": {"code": "unknown", "value": ""}})

    # --- what changed -------------------------------------------------------------------------------------------------

    async def _push(self) -> None:
        round_ = 0
        while True:
            await asyncio.sleep(FRAME_MS / 1000)
            round_ += 1
            frame = self._backend.screen()
            if frame != self._frame:
                self._frame = frame
                await self._send(frame)
            if tones := self._backend.tones():
                await self._send(json.dumps({"tones": tones}))
            if round_ % (STATE_MS // FRAME_MS) == 0:
                await self._push_state()

    async def _push_state(self) -> None:
        state = await asyncio.to_thread(self._backend.state)
        changed = {name: value for name, value in state.items() if self._state.get(name) != value}
        self._state = state
        if changed:
            await self._send(json.dumps({"state": changed}))

    async def _send(self, what: bytes | str) -> None:
        for page in list(self._pages):
            try:
                await (page.send_bytes(what) if isinstance(what, bytes) else page.send_str(what))
            except (ConnectionError, RuntimeError):  # closed between two sends
                self._pages.discard(page)


def _listen(port: int, exact: bool) -> socket.socket:
    for candidate in [port] if exact else [*range(port, port + 20), 0]:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, candidate))
        except OSError:
            listener.close()
            continue
        listener.listen(16)
        return listener
    raise OSError(f"port {port} is taken")
