"""What QuickBooks answers when it does not do what a request asks: status codes of members, HRESULTs of whole sets."""

from dataclasses import dataclass

OK_MESSAGE = "Status OK"


@dataclass(frozen=True, slots=True)
class Status:
    """statusCode, statusSeverity and statusMessage of one member of a message set."""

    code: int
    severity: str
    message: str


OK = Status(0, "Info", OK_MESSAGE)
NO_MATCH = Status(1, "Info", "A query request did not find a matching object in QuickBooks")
NOT_PROCESSED = Status(3231, "Error", "The request has not been processed.")


class RequestRefusedError(Exception):
    """One member is refused; nothing of it is applied, the others go on."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.status = Status(code, "Error", message)


class SetRefusedError(Exception):
    """ProcessRequest throws: the whole set is refused, nothing of it is applied. `hresult` is `0x80040400` or a sister."""

    def __init__(self, hresult: str, message: str) -> None:
        super().__init__(message)
        self.hresult = hresult
        self.message = message


PARSE_ERROR = "QuickBooks found an error when parsing the provided XML text stream."
HRESULTS = {
    "0x80040400": PARSE_ERROR,
    "0x80040401": "Could not access QuickBooks.",
    "0x80040402": "Unexpected error. Check the qbsdklog.txt file for possible, additional information.",
    "0x80040408": "Could not start QuickBooks.",
    "0x8004040A": "A QuickBooks company data file is already open and it is different from the one requested.",
    "0x80040410": "The QuickBooks company data file is currently open in a mode other than the one specified by your application.",
    "0x80040413": "QuickBooks does not support the rollbackOnError value of the onError attribute.",
    "0x80040414": "A modal dialog box is showing in the QuickBooks user interface. Your application cannot access QuickBooks until the user dismisses the dialog box.",
    "0x80040420": "The QuickBooks user has denied access.",
    "0x80040422": "This application requires Single User file access mode and there is already another application sharing data with this QuickBooks company data file.",
    "0x80040423": "The version of qbXML that was requested is not supported or is unknown.",
    "0x80040424": "QuickBooks did not finish its initialization. Please try again later.",
}


def missing(name: str) -> RequestRefusedError:
    """3150: an element that this request needs is not there."""
    return RequestRefusedError(3150, f'There is a missing element: "{name}".')


def malformed_id(value: str, field: str) -> RequestRefusedError:
    """3000: an id that QuickBooks could never have given."""
    return RequestRefusedError(3000, f'The given object ID "{value}" in the field "{field}" is invalid.')


def not_found(value: str) -> RequestRefusedError:
    """3120: the object to change or delete does not exist."""
    return RequestRefusedError(
        3120,
        f'Object "{value}" specified in the request cannot be found.  QuickBooks error message: Invalid argument.  '
        "The specified record does not exist in the list.",
    )


def bad_reference(what: str, name: str, holder: str) -> RequestRefusedError:
    """3140: a reference to a record that does not exist."""
    return RequestRefusedError(
        3140,
        f'There is an invalid reference to QuickBooks {what} "{name}" in the {holder}.  QuickBooks error message: '
        "Invalid argument.  The specified record does not exist in the list.",
    )


def bad_parent(name: str, holder: str) -> RequestRefusedError:
    """3130: a parent that does not exist."""
    return RequestRefusedError(
        3130, f'There is an invalid reference to a parent "{name}" in the {holder} list.  Invalid argument.'
    )


def name_in_use(name: str) -> RequestRefusedError:
    """3100: the name is taken within its list, or within the lists that share their names."""
    return RequestRefusedError(3100, f'The name "{name}" of the list element is already in use.')


def stale(sequence: str) -> RequestRefusedError:
    """3200: somebody changed the record since it was read."""
    return RequestRefusedError(3200, f'The provided edit sequence "{sequence}" is out-of-date.')


def invalid_value(field: str, value: str, why: str) -> RequestRefusedError:
    """3210: a value that QuickBooks' own rules refuse."""
    return RequestRefusedError(
        3210, f'The "{field}" field has an invalid value "{value}".  QuickBooks error message: {why}'
    )


def in_use(identifier: str) -> RequestRefusedError:
    """3160: the record has history, or another record names it."""
    return RequestRefusedError(
        3160,
        f'Cannot delete the object specified by the id = "{identifier}".  QuickBooks error message: '
        "This list element cannot be deleted because it is used in a transaction or has a balance.",
    )


def not_enabled() -> RequestRefusedError:
    """3250: a preference is off, or this edition lacks the feature."""
    return RequestRefusedError(
        3250, "This feature is not enabled or not available in this version of QuickBooks."
    )
