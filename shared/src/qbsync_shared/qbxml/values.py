"""What a value of each qbXML type looks like (Intuit's qbXML 16.0 types; an empty value clears a field)."""

import re
from datetime import date

from qbsync_shared.qbxml.notation import Leaf

_PRICE = re.compile(r"([+-]?[0-9]{1,10}(\.[0-9]{1,5})?)?")
_CLOCK = r"T[0-9]{1,2}(:[0-9]{1,2}(:[0-9]{1,2}([+-][0-9]{1,2}:[0-9]{1,2})?)?)?"
_FORMATS = {
    "BOOLTYPE": re.compile(r"\s*(true|false|0|1)?\s*"),
    "DATETIMETYPE": re.compile(rf"([0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}({_CLOCK})?)?"),
    "TIMEINTERVALTYPE": re.compile(r"\s*([+-]?PT(?=[0-9])([0-9]+H)?([0-9]+M)?([0-9]+S)?)?\s*"),
    "AMTTYPE": re.compile(r"([+-]?[0-9]{1,13}(\.[0-9]{2})?)?"),
    "PRICETYPE": _PRICE,
    "QUANTYPE": _PRICE,
    "PERCENTTYPE": _PRICE,
    "INTTYPE": re.compile(r"\s*[+-]?[0-9]+\s*"),
    "FLOATTYPE": re.compile(r"\s*([+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+))?\s*"),
    "GUIDTYPE": re.compile(r"0|\{[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}"),
}
_DATE = re.compile(r"\s*([0-9]{4}-[0-9]{2}-[0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})?\s*")
_WORDS = {
    "BOOLTYPE": "true or false",
    "DATETYPE": "a date such as 2026-11-02",
    "DATETIMETYPE": "a time such as 2026-11-02T09:30:00",
    "TIMEINTERVALTYPE": "a duration such as PT2H30M0S",
    "AMTTYPE": "an amount with two decimals or none",
    "PRICETYPE": "a price with at most five decimals",
    "QUANTYPE": "a quantity with at most five decimals",
    "PERCENTTYPE": "a percentage with at most five decimals",
    "INTTYPE": "a whole number",
    "FLOATTYPE": "a decimal number",
    "GUIDTYPE": "a GUID in braces",
}


def format_problem(leaf: Leaf, value: str) -> str | None:
    """What is wrong with the form of `value`, in words, or None. Lengths are judged elsewhere."""
    if leaf.type == "ENUMTYPE":
        return None if value in leaf.values else f"is not one of {', '.join(leaf.values)}"
    if leaf.type == "DATETYPE":
        return None if _is_date(value) else f"is not {_WORDS['DATETYPE']}"
    pattern = _FORMATS.get(leaf.type)
    if pattern is not None and pattern.fullmatch(value) is None:
        return f"is not {_WORDS[leaf.type]}"
    if leaf.type == "INTTYPE":
        number = int(value)
        if leaf.low is not None and number < leaf.low:
            return f"is less than {leaf.low}"
        if leaf.high is not None and number > leaf.high:
            return f"is more than {leaf.high}"
    return None


def _is_date(value: str) -> bool:
    if value.strip() == "":
        return True
    match = _DATE.fullmatch(value)
    if match is None:
        return False
    try:
        date.fromisoformat(match[1])
    except ValueError:
        return False
    return True
