"""What `cargo dev fuzz-api` tells Schemathesis beyond the OpenAPI document.

It gives the operations their sessions, makes sure that none is lost on the way, and names the
refusals that no schema can announce. docs/FUZZING.md explains it.
"""

from __future__ import annotations

import os
import re
import threading
import time
import zlib
from datetime import datetime, timedelta, timezone

import requests
import schemathesis
from schemathesis import AuthContext, Case, CheckContext, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData

API = os.environ["FUZZ_API"]
HOST = "brand-a.localhost"
LOGIN = {"username": "demo_agent", "password": "demo-password-1"}

# Ends the session that it is called with, so each of its calls brings one of its own.
LOGOUT = "POST /agent/logout"
# Well below the lifetime of an access token, which is 15 minutes.
RENEW_AFTER_SECONDS = 300


# Sessions


def sign_in() -> str:
    """Gives the access token of a new session."""
    answer = requests.post(f"{API}/agent/login", json=LOGIN, headers={"Host": HOST}, timeout=10)
    answer.raise_for_status()
    return answer.json()["access_token"]


def needs_session(case: Case) -> bool:
    return bool(case.operation.definition.raw.get("security"))


@schemathesis.auth(refresh_interval=None)
class Session:
    """One session for all calls, renewed in time. No call is repeated after a 401."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._token = ""
        self._since = float("-inf")

    def get(self, case: Case, _context: AuthContext) -> str | None:
        if not needs_session(case):
            return None
        if case.operation.label == LOGOUT:
            return sign_in()
        with self._lock:
            if time.monotonic() - self._since > RENEW_AFTER_SECONDS:
                self._token = sign_in()
                self._since = time.monotonic()
            return self._token

    def set(self, case: Case, data: str, _context: AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.check
def session_survives(_context: CheckContext, response: Response, case: Case) -> None:
    """A run that lost its session would meet nothing but 401, and find nothing more."""
    if not case._has_explicit_auth or response.status_code != 401:
        return
    code = response.json()["code"]
    # A wrong password in the body; the session is not touched.
    assert code == "invalid_credentials", f"the session of the run was lost: {code}"


# Things to ask for


class Orders:
    """Numbers of the demo agent's withdrawals, which begin with a date and so are no constants."""

    def __init__(self) -> None:
        self._numbers: list[str] = []

    def numbers(self) -> list[str]:
        if not self._numbers:
            headers = {"Host": HOST, "Authorization": f"Bearer {sign_in()}"}
            first = datetime.now(timezone.utc).date() - timedelta(days=80)
            answer = requests.get(
                f"{API}/agent/withdraw/list",
                params={"date_from": first.isoformat()},
                headers=headers,
                timeout=10,
            )
            answer.raise_for_status()
            self._numbers = sorted(order["withdraw_no"] for order in answer.json()["items"])
        return self._numbers


ORDERS = Orders()


@schemathesis.hook
def map_path_parameters(_context: HookContext, path_parameters: dict | None) -> dict | None:
    """Every second made-up number of a withdrawal becomes one that exists."""
    made_up = (path_parameters or {}).get("withdraw_no")
    if isinstance(made_up, str):
        chance = zlib.crc32(made_up.encode("utf-8", "replace"))
        numbers = ORDERS.numbers()
        if chance % 2 == 0:
            path_parameters["withdraw_no"] = numbers[chance // 2 % len(numbers)]
    return path_parameters


# Refusals that no schema can announce

# Postgres cannot store it, so it is refused wherever it stands, in members that nobody reads too.
# A schema can say so only of the members that it names, and there it does.
NUL = r"validation_failed .*: must not contain the character U\+0000"

# Relations between two dates.
DATES = [
    "range_too_long",
    "validation_failed date_from: must not be after date_to",
]
# What an answer gave, and nothing beside it that says where to begin.
CURSOR = [
    "validation_failed cursor: must be the next_cursor of an answer of this list",
    "validation_failed cursor: must not be given with (page|format=csv, which has every row)",
]
# The country of the brand decides how many digits make a number.
PHONE = ["validation_failed phone_num: must be a phone number"]
# Only the phone's owner knows the code.
CODE = ["otp_invalid"]
# The catalogue of banks and its numbers are data; at least five characters are digits; names are
# letters of any script.
CARD = [
    r"validation_failed (bank_num|card_number): must be a card or account number",
    "validation_failed bank_id: is not one of the banks",
    "validation_failed holder_name: must be a name",
    "validation_failed branch: must be one line of text",
]
# The numbers of schemathesis.toml are put into lists without a look at `uniqueItems`.
TWICE = r"validation_failed (player|coupon)_ids: must all be different"
# For JSON Schema 1500.0 is an integer; for money it is a float, which may have lost what was written.
FLOAT = "must be a decimal number in a string, or an integer"
# The providers of a brand are data, and so are the shares above and below.
SHARES = [
    r"validation_failed percentages\[\d+\]\.provider_id: is (named twice|no provider of this brand)",
    rf"validation_failed percentages\[\d+\]\.percentage: {FLOAT}",
    r"percentage_out_of_range percentages\[\d+\]\.percentage: .*",
]

# Regular expressions for `code`, or for `code field: message` of each error. Whatever else a valid
# request is answered is a finding.
EXPECTED = {
    "GET /agent/coupon/logs": [*DATES, *CURSOR],
    "GET /agent/coupon/recycle/logs": [*DATES, *CURSOR],
    "GET /agent/home/rank": DATES,
    "GET /agent/home/summary": DATES,
    "GET /agent/home/trend": DATES,
    "GET /agent/player/list": [
        *DATES,
        "validation_failed registered_from: must not be after registered_to",
    ],
    "GET /agent/player/{player_id}/coupons": [*DATES, *CURSOR],
    "GET /agent/player/{player_id}/daily": DATES,
    "GET /agent/provider/income": DATES,
    "GET /agent/sub/list": DATES,
    "GET /agent/sub/statistic": DATES,
    "GET /agent/sub/statistic/daily": DATES,
    "GET /agent/withdraw/list": [*DATES, *CURSOR],
    "POST /agent/bank/add": [*CODE, *CARD],
    "POST /agent/coupon/grant": [TWICE],
    "POST /agent/coupon/recycle": [TWICE],
    "POST /agent/edit/bank": [*CODE, *CARD],
    "POST /agent/edit/bank/send-sms": CARD[:1],
    "POST /agent/edit/payout_password": [
        "validation_failed payout_password: must not be the login password"
    ],
    "POST /agent/edit/phone": [*CODE, *PHONE],
    "POST /agent/edit/phone/send-sms": PHONE,
    "POST /agent/forget": [*CODE, *PHONE],
    "POST /agent/forget/send-sms": PHONE,
    "POST /agent/recovery/request": [
        "validation_failed contact: must be a phone or an e-mail address"
    ],
    "POST /agent/recovery/reset": ["token_invalid"],
    "POST /agent/recovery/verify": CODE,
    "POST /agent/sub/add": [*PHONE, *SHARES],
    "POST /agent/sub/{guid}/reset_password": CODE,
    # Cards are the agent's own, and the limits are the brand's.
    "POST /agent/withdraw/add": [
        f"validation_failed amount: {FLOAT}",
        "validation_failed card_id: is not one of your cards",
        "below_min_withdrawal",
        "above_max_withdrawal",
    ],
    "PUT /agent/provider/sub/percentage": SHARES,
}


def refusals(problem: dict) -> list[str]:
    code = problem["code"]
    errors = problem.get("errors") or []
    return [f"{code} {error['field']}: {error['message']}" for error in errors] or [code]


@schemathesis.hook
def filter_failure(
    _context: HookContext, failure: Failure, case: Case, response: Response
) -> bool:
    """Drops a rejected valid request only where each of its errors is one of those above."""
    if not isinstance(failure, RejectedPositiveData):
        return True
    expected = [NUL, *EXPECTED.get(case.operation.label, [])]
    return not all(
        any(re.fullmatch(pattern, refusal) for pattern in expected)
        for refusal in refusals(response.json())
    )
