"""What the commands share: the configuration's option, and errors as messages and exit codes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from echonode.errors import (
    ConfigError,
    EchoNodeError,
    OutOfResources,
    UsageError,
)
from echonode.threads import is_shortage

if TYPE_CHECKING:
    from echonode.config import Config

DEFAULT_CONFIG = Path("config/echonode.yaml")
ConfigOption = Annotated[
    Path, typer.Option("--config", metavar="FILE", help="The configuration, in YAML.")
]


def fail(code: int, message: str) -> NoReturn:
    """End the command with a message on stderr."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


@contextmanager
def outcomes() -> Iterator[None]:
    """Our own errors become one clear message and the right exit code."""
    try:
        yield
    except ConfigError as error:
        fail(2, "\n".join(f"{fault}" for fault in error.faults))
    except UsageError as error:
        fail(2, str(error))
    except EchoNodeError as error:
        fail(1, str(error))
    except (MemoryError, ImportError, SystemError) as error:  # mostly of a command's imports
        if not is_shortage(error):
            raise
        fail(1, str(OutOfResources()))


def load_config(path: Path) -> Config:
    """The configuration, with the environment's overrides. Raises ConfigError, UsageError."""
    from echonode.config import load

    if path == DEFAULT_CONFIG and not path.exists():
        raise UsageError(
            f"there is no {path}: give --config FILE, or write an example with `echonode init`"
        )
    return load(path, os.environ)
