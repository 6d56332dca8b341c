"""What was sent and answered, without people's data and secrets: names of fields stay, these contents go."""

import json
import re
from typing import Any

REDACTED = "redacted"
_MOST = 20_000
_FIELDS = (
    r"bill(ing)?_?addr(ess)?(block)?|ship(ping)?_?addr(ess)?(block)?|primary_?email_?addr|primary_?phone|addr\d|line[1-5]|"
    r"e_?mail|phone|alt_?phone|mobile|fax|"
    r"given_?name|first_?name|family_?name|last_?name|middle_?name|contact|alt_?contact|"
    r"ssn|credit_?card_?\w*|account_?number|tax_?ident\w*|notes?|memo|private_?note|customer_?memo|customer_?message|"
    r"authorization|access_?token|refresh_?token|token|password|secret|client_?secret|ticket|cookie"
)
_NAME = re.compile(rf"^(?:{_FIELDS})$", re.IGNORECASE)
# what stands at the end of a shortened text counts as well: there the closing mark is missing
_ELEMENT = re.compile(
    rf"<(?P<tag>{_FIELDS})(?P<attrs>\s[^<>]{{0,200}})?>(?P<body>.{{0,4000}}?)(?:</(?P=tag)>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_MEMBER = re.compile(
    rf'(?P<name>"(?:{_FIELDS})"\s*:\s*)(?P<body>"(?:[^"\\]|\\.)*(?:"|\Z)|\{{[^{{}}]*(?:\}}|\Z)|\[[^\[\]]*(?:\]|\Z)|[^\s,}}\]]+)',
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+")
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,200}")


def redact(value: Any) -> Any:
    """The same structure of JSON values with what is private replaced; texts that hold XML or JSON are read too."""
    if isinstance(value, dict):
        return {key: REDACTED if _NAME.match(key) and item else redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return redact_text(value) if isinstance(value, str) else value


def redact_text(text: str) -> str:
    """A text, at most 20,000 characters of it."""
    if text[:1] in {"{", "["}:
        try:
            return json.dumps(redact(json.loads(text)), ensure_ascii=False)[:_MOST]
        except (ValueError, RecursionError):
            pass  # not JSON after all: the patterns below find what they can
    rest = len(text) - _MOST
    text = text[:_MOST]
    text = _ELEMENT.sub(lambda found: f"<{found['tag']}>{REDACTED}</{found['tag']}>", text)
    text = _MEMBER.sub(lambda found: f'{found["name"]}"{REDACTED}"', text)
    text = _BEARER.sub(lambda found: f"{found[1]} {REDACTED}", text)
    text = _ADDRESS.sub(REDACTED, text)
    return text if rest <= 0 else f"{text}\n… {rest:,} characters more"
