"""Structured logs: static event names with identifiers, never contents or secrets."""

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any

import structlog
from pydantic import SecretBytes, SecretStr

REDACTED = "[redacted]"
_LONGEST = 500
_DEEPEST = 6

_SECRET_KEY = re.compile(
    r"(^|_|-)(password|passwd|passphrase|secret|token|jwt|authorization|cookie|credentials?|ticket|api_?key|"
    r"encryption_?keys?|jwt_?key|private_?key|verifier|nonce|code_challenge|state_param|"
    r"body|payload|content|contents|entity|entities|snapshot|fields|xml|qbxml|request|response|headers?)$",
    re.IGNORECASE,
)
_SECRET_TEXT = (
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), REDACTED),  # a JWT
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {REDACTED}"),
    (re.compile(r"(\w+://)[^\s/@:]*:[^\s/@]*@"), rf"\1{REDACTED}@"),  # user and password of a URL
    (re.compile(r"(?i)\b(token|access_token|refresh_token|code|password|secret)=[^&\s]+"), rf"\1={REDACTED}"),
    (re.compile(r"<\?xml.*", re.DOTALL), REDACTED),
)

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: nothing named like a secret or a content passes, nor text that looks like one."""
    for key, value in event.items():
        event[key] = _clean(value) if key == "event" else _clean_field(key, value, 0)
    return event


def _clean_field(key: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if _SECRET_KEY.search(key):
        return REDACTED
    return _clean(value, depth)


def _clean(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, SecretStr | SecretBytes):
        return REDACTED
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _clean_container(value, depth + 1)
    return value if isinstance(value, int | float | None) else clean_text(str(value))


def _clean_container(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return "[...]"
    if isinstance(value, Mapping):
        return {str(key): _clean_field(str(key), inner, depth) for key, inner in value.items()}
    return [_clean(inner, depth) for inner in value]


def clean_text(text: str, longest: int = _LONGEST) -> str:
    """The text without what looks like a token, a password in a URL or XML, and not too long."""
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text if len(text) <= longest else f"{text[:longest]}..."


def describe_error(error: BaseException) -> str:
    """An error for people who operate: its type and the first line of what it says, without the contents it met.

    Details of PostgreSQL (``DETAIL: Key (name)=(...)``) and the inputs of a validation are contents.
    """
    faults = getattr(error, "errors", None)
    if callable(faults) and hasattr(error, "error_count"):
        places = [".".join(map(str, fault["loc"])) + f" ({fault['type']})" for fault in faults()]
        return f"{type(error).__name__}: {', '.join(places)}"[:_LONGEST]
    said = str(error).splitlines()
    first = clean_text(said[0], 200) if said else ""
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def describe_exception(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """structlog processor: an exception becomes its type, its message without contents, and where it was."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if not isinstance(info, tuple) or info[1] is None:
        return event
    event["exception"] = [*_chain(info[1])]
    return event


def _chain(error: BaseException | None) -> list[str]:
    lines: list[str] = []
    while error is not None and len(lines) < 40:
        lines.append(describe_error(error))
        lines.extend(
            f"  {frame.filename}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)[-8:]
        )
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return lines


def _lines(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor for the console, which wants an exception as one text."""
    if isinstance(event.get("exception"), list):
        event["exception"] = "\n".join(event["exception"])
    return event


def configure(log_format: str = "json", level: str = "info") -> None:
    """Set up structlog and send the standard library's logs (uvicorn, FastStream, nats) through the same processors.

    Args:
        log_format: ``json``, one object per line, or ``console`` for people.
        level: the lowest level that is written.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        describe_exception,
        redact,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=["logger"]), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *([] if log_format == "json" else [_lines]),
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.raiseExceptions = False  # a fault while logging would print what was to be logged, unredacted
    for chatty in ("httpx", "httpcore", "uvicorn.access", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
