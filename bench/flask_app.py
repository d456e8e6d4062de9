"""The same API as an ordinary Flask application."""

from __future__ import annotations

import time

from flask import Flask, Response, jsonify, request

from .ordinary import add, claims_of, log, read

app = Flask(__name__)


@app.route("/api/fruit", methods=["GET", "POST"])
def fruit() -> Response:
    """Answer both methods."""
    began = time.time()
    claims = claims_of(request.headers.get("Authorization"))
    if claims is None:
        answer = jsonify(msg="The token is not good.")
        answer.status_code = 401
    else:
        answer = jsonify(add(claims, request.get_json()) if request.method == "POST" else read(claims))
    log(answer.status_code, began, claims)
    return answer
