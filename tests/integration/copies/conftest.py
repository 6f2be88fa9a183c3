"""Its tests run commands in their own process."""

from tests.support.logging_of_commands import _log_as_it_is

__all__ = ["_log_as_it_is"]
