"""Its tests run commands in their own process."""

from tests.support.logging_of_commands import _level_as_it_is, _log_as_it_is

__all__ = ["_level_as_it_is", "_log_as_it_is"]
