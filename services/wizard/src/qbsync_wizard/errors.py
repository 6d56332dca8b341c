"""Expected failures of a request, for the HTTP API and the pages to say in their words."""


class UnknownTenantError(LookupError):
    """The wizard has no such tenant, or it was deleted."""


class RefusedError(Exception):
    """A rule forbids it. ``slug`` names the rule, ``title`` and ``detail`` say it in sentences."""

    def __init__(self, slug: str, title: str, detail: str = "", *, status: int = 409) -> None:
        super().__init__(title)
        self.slug = slug
        self.title = title
        self.detail = detail
        self.status = status
