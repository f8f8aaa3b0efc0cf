"""Listen for requests; on the loopback unless told otherwise, behind the authority's proxy."""

import uvicorn
from fastapi import FastAPI

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8470


def serve(app: FastAPI, host: str = LOOPBACK, port: int = DEFAULT_PORT) -> None:
    """Serve until interrupted. Access lines are not written: the verifiable log is the record of readings."""
    uvicorn.run(app, host=host, port=port, access_log=False, server_header=False, log_level="warning")
