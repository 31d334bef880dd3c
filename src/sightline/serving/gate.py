"""The gate before the application: so many requests at once, of bounded bytes and seconds.

What is refused is refused here before it costs memory: nothing grows with what clients send.
"""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sightline.serving.limits import Limits

RETRY_AFTER = 1  # seconds


class Gate:
    """An ASGI application around another one. `at_work`: how many requests (POST) are inside."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app, self._limits = app, limits
        self.at_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        if self.at_work >= self._limits.requests:
            detail = f"{self.at_work} requests are at work, as many as may be: ask again"
            busy = JSONResponse({"detail": detail}, 503, {"Retry-After": str(RETRY_AFTER)})
            await busy(scope, receive, send)
            return
        self.at_work += 1
        try:
            await self._app(scope, self._bounded(receive), send)
        except ClientDisconnect:
            pass  # nobody is there to tell
        finally:
            self.at_work -= 1

    def _bounded(self, receive: Receive) -> Receive:
        """Return `receive` with an end: it raises 413 for too many bytes, 408 after the time."""
        end = asyncio.get_running_loop().time() + self._limits.seconds
        taken, complete = 0, False

        async def bounded() -> Message:
            nonlocal taken, complete
            if complete:
                return await receive()  # waits for the client to go
            try:
                async with asyncio.timeout_at(end):
                    message = await receive()
            except TimeoutError:
                detail = f"the request did not come in within {self._limits.seconds:g} seconds"
                raise HTTPException(408, detail, {"Connection": "close"}) from None
            taken += len(message.get("body", b""))
            if taken > self._limits.bytes:
                detail = f"more than {self._limits.bytes:,} bytes: send fewer or smaller images"
                raise HTTPException(413, detail)
            complete = not message.get("more_body", False)
            return message

        return bounded
