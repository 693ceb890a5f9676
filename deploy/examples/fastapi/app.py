"""A FastAPI service that knows nothing of lockstep.

lockstep-agent starts it once the gate is open, so by then the schema is one that this build can run
on. On SIGTERM uvicorn stops listening, finishes the requests that are under way, and exits.

  lockstep-agent run ... -- uvicorn app:app --host 127.0.0.1 --port 8080
"""

import asyncio

from fastapi import FastAPI

app = FastAPI(title="orders")


@app.get("/health")
def health():
    """What --ready-url asks."""
    return {"status": "ok"}


@app.get("/export")
async def export(seconds: float = 1.0):
    """A request that takes its time: it is answered even when SIGTERM comes in between."""
    print("export begins", flush=True)
    await asyncio.sleep(min(seconds, 30.0))
    return {"exported": True}
