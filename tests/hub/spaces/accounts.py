"""Who asks the loopback Hub: accounts and their tokens, keyless tokens among them, and what each of them may do."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.hub.loopback_server import RefusalError, Request

AUDIENCE = "audience"
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105  # the name of a kind of token
INVALID = "Invalid credentials in Authorization header"
READ_ONLY = (
    "You don't have the rights to create a commit on the main branch of this space. You can create a PR instead by "
    "passing create_pr=1 or create_pr=True."
)


@dataclass(frozen=True)
class Account:
    """Whom a token belongs to; `role` is "write", "read" or "files" (keyless: the files of `only`), `plan` is paid."""

    user: str
    role: str = "write"
    plan: str = "pro"
    orgs: tuple[str, ...] = ()
    only: str = ""

    def owns(self, space: str) -> bool:
        """Tell whether a Space is in a namespace of this account."""
        return space.split("/", maxsplit=1)[0] in (self.user, *self.orgs)


@dataclass(frozen=True)
class Publisher:
    """A Trusted Publisher setting of a Space; every claim given must be the token's exactly."""

    space: str
    claims: Mapping[str, str]


@dataclass
class Accounts:
    """The accounts by token, and the Trusted Publishers."""

    by_token: dict[str, Account] = field(default_factory=dict)
    publishers: list[Publisher] = field(default_factory=list)

    def who(self, request: Request) -> Account | None:
        """Return whose token came with a request; None without one. Refuses a token that nobody has."""
        if request.token and request.token not in self.by_token:
            raise RefusalError(401, message=INVALID)
        return self.by_token.get(request.token)

    def may_read(self, request: Request, space: str, *, private: bool) -> bool:
        """Tell whether a request may know of a Space."""
        account = self.who(request)
        return not private or (account is not None and (account.owns(space) or account.only == space))

    def need_files(self, request: Request, space: str) -> Account:
        """Refuse whoever may not write files of a Space."""
        account = self.who(request)
        if account is None:
            raise RefusalError(401, message="Invalid username or password.")
        if account.role == "read" or (account.only != space if account.role == "files" else not account.owns(space)):
            raise RefusalError(403, message=READ_ONLY)
        return account

    def need_settings(self, request: Request, space: str) -> Account:
        """Refuse whoever may not change a Space's settings, or create it."""
        account = self.who(request)
        if account is None:
            raise RefusalError(401, message="Invalid username or password.")
        if account.role != "write" or not account.owns(space):
            raise RefusalError(403, message="You don't have the required permissions to perform this operation.")
        return account

    def exchange(self, request: Request) -> dict[str, object]:
        """Return the token that an identity token gets, for the files of one Space for an hour."""
        asked = request.json
        if asked.get("grant_type") != GRANT or asked.get("subject_token_type") != ID_TOKEN:
            raise _refused("unsupported_grant_type", "unsupported grant type")
        claims = read_identity(asked.get("subject_token", ""))
        resource = str(asked.get("resource", ""))
        space = resource.removeprefix("spaces/")
        trusted = resource.startswith("spaces/") and any(
            publisher.space == space and publisher.claims.items() <= claims.items() for publisher in self.publishers
        )
        if not trusted:
            raise _refused("invalid_grant", "No trusted publisher matches the claims of this token")
        token = f"hf_jwt_{len(self.by_token)}"
        self.by_token[token] = Account("[OIDC]", "files", only=space)
        return {"access_token": token, "token_type": "bearer", "expires_in": 3600}


def identity_token(claims: Mapping[str, str]) -> str:
    """Return an identity token with claims, signed by nobody."""
    return "eyJ." + base64.urlsafe_b64encode(json.dumps(dict(claims)).encode()).decode() + ".none"


def read_identity(token: str) -> dict[str, str]:
    """Return the claims of an identity token."""
    try:
        return json.loads(base64.urlsafe_b64decode(token.split(".")[1]))
    except (IndexError, ValueError, binascii.Error):
        raise _refused("invalid_request", "subject_token is no JWT") from None


def _refused(error: str, description: str) -> RefusalError:
    return RefusalError(400, message=description, content={"error": error, "error_description": description})
