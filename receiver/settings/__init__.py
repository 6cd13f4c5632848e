"""Environment and TOML file as frozen settings: complete, or a list of all that is wrong."""

from receiver.settings.environment import Variable, variables
from receiver.settings.findings import BadSettings
from receiver.settings.load import database_url, load
from receiver.settings.model import ANY_STORE, Connection, Pos, Settings

__all__ = [
    "ANY_STORE",
    "BadSettings",
    "Connection",
    "Pos",
    "Settings",
    "Variable",
    "database_url",
    "load",
    "variables",
]
