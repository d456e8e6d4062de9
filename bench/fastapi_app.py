"""The same API as an ordinary FastAPI application."""

from __future__ import annotations

import time
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from .ordinary import add, claims_of, log, read

app = FastAPI()


@app.get("/api/fruit")
async def get(request: Request) -> JSONResponse:
    """Read."""
    return answer(request, None)


@app.post("/api/fruit")
async def post(request: Request) -> JSONResponse:
    """Add."""
    return answer(request, await request.json())


def answer(request: Request, fruits: Any) -> JSONResponse:
    """Answer both methods."""
    began = time.time()
    claims = claims_of(request.headers.get("Authorization"))
    status = 200 if claims else 401
    said = {"msg": "The token is not good."} if not claims else add(claims, fruits) if fruits else read(claims)
    log(status, began, claims)
    return JSONResponse(said, status)
