"""Reads a service's settings as the service itself would, to say everything that is wrong with them at once."""

import importlib
import inspect

from qbsync_local.catalogue import ServiceSpec
from qbsync_shared.settings import ServiceSettings, SettingsError, load


def settings_class(spec: ServiceSpec) -> type[ServiceSettings]:
    """The class in the service's `settings` module that derives from ServiceSettings."""
    module = importlib.import_module(f"{spec.module}.settings")
    own = [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, ServiceSettings) and member.__module__ == module.__name__
    ]
    assert len(own) == 1, f"{module.__name__} must hold one class of settings"
    return own[0]


def problems(spec: ServiceSpec) -> list[str]:
    """One sentence per fault in the environment, none if the service would start with it."""
    try:
        load(settings_class(spec))
    except SettingsError as error:
        return error.problems
    return []
