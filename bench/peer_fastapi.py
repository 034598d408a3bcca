"""Le pair : FastAPI et uvicorn (uvloop, httptools), des événements SSE écrits jeton par jeton, comme un serveur d'inférence courant.

python -m bench.peer_fastapi PRISE PAS_EN_MS
"""

import asyncio
import sys
from collections.abc import AsyncIterator

import orjson
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse

STEP = float(sys.argv[2]) / 1000 if len(sys.argv) > 2 else 0.0
CHUNK = {
    "id": "chatcmpl-mesure",
    "object": "chat.completion.chunk",
    "created": 1700000000,
    "model": "qwen",
    "choices": [{"index": 0, "delta": {"content": " mot"}, "finish_reason": None}],
}
app = FastAPI()


async def events(count: int) -> AsyncIterator[bytes]:
    """Trames SSE, à la cadence voulue."""
    for _ in range(count):
        await asyncio.sleep(STEP)
        yield b"data: " + orjson.dumps(CHUNK) + b"\n\n"
    yield b"data: [DONE]\n\n"


@app.post("/v1/chat/completions")
async def chat(request: Request) -> Response:
    """Conversation, en flux ou non."""
    body = orjson.loads(await request.body())
    count = int(body.get("max_tokens") or 16)
    if body.get("stream"):
        return StreamingResponse(events(count), media_type="text/event-stream")
    message = {"role": "assistant", "content": " mot" * count}
    answer = CHUNK | {"choices": [{"index": 0, "message": message, "finish_reason": "length"}]}
    return Response(orjson.dumps(answer), media_type="application/json")


if __name__ == "__main__":
    # Envoy garde ses connexions : fermées après cinq secondes sans requête, elles le seraient parfois sous une requête en route.
    uvicorn.run(
        app,
        uds=sys.argv[1],
        loop="uvloop",
        http="httptools",
        log_level="error",
        access_log=False,
        timeout_keep_alive=3600,
    )
