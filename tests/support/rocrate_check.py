"""python rocrate_check.py CRATE CONTEXT: what roc-validator says of a crate, one issue a line, without a network.

Run by the interpreter of an environment that has roc-validator. Its contexts are served from files: RO-Crate's from
CONTEXT (the package rocrate brings it), that of Workflow Run as the terms it defines. Without contexts the validator
sees an empty graph and passes anything.
"""

from __future__ import annotations

import io
import json
import sys
import urllib.request
from email.message import Message
from typing import Any
from urllib.response import addinfourl

PROFILE = "process-run-crate-0.5"
TERMS = (
    *("ParameterConnection", "connection", "sourceParameter", "targetParameter"),
    *("containerImage", "environment", "resourceUsage"),
)
RUN_CONTEXT = {"@context": {term: f"https://w3id.org/ro/terms/workflow-run#{term}" for term in TERMS}}


def main(crate: str, context: str) -> int:
    """Print the issues; returns 0 where none breaks a requirement."""
    with open(context, "rb") as file:
        served = {"https://w3id.org/ro/crate/1.1/context": file.read()}
    served["https://w3id.org/ro/terms/workflow-run/context"] = json.dumps(RUN_CONTEXT).encode()
    serve(served)
    from rocrate_validator import models, services

    settings = services.ValidationSettings(
        rocrate_uri=crate,
        profile_identifier=PROFILE,
        requirement_severity=models.Severity.RECOMMENDED,
        no_cache=True,
    )
    issues = services.validate(settings).get_issues()
    for issue in issues:
        print(
            issue.severity.name,
            issue.check.identifier,
            issue.violatingEntity,
            " ".join(str(issue.message).split()),
        )
    return int(any(issue.severity is models.Severity.REQUIRED for issue in issues))


def serve(served: dict[str, bytes]) -> None:
    """Answer requests of requests and urllib from memory; all others fail."""
    import requests
    import urllib3

    kind = {"Content-Type": "application/ld+json"}

    def send(self: Any, request: Any, **options: Any) -> Any:
        body = served.get(request.url)
        answer = requests.Response()
        answer.request, answer.url, answer.status_code = request, request.url, 404 if body is None else 200
        answer.headers.update(kind)
        answer.raw = urllib3.HTTPResponse(
            io.BytesIO(body or b""), preload_content=False, status=answer.status_code
        )
        return answer

    def urlopen(request: Any, *rest: Any, **options: Any) -> addinfourl:
        address = request if isinstance(request, str) else request.full_url
        if address not in served:
            raise OSError(f"not served: {address}")
        headers = Message()
        headers["Content-Type"] = kind["Content-Type"]
        return addinfourl(io.BytesIO(served[address]), headers, address, 200)

    requests.adapters.HTTPAdapter.send = send  # type: ignore[method-assign]
    urllib.request.urlopen = urlopen
    import rdflib._networking

    rdflib._networking.urlopen = urlopen  # type: ignore[attr-defined]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
