"""`echonode init`: the commented example configuration, from the package to a folder."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from echonode.errors import UsageError

NAME = "echonode.yaml"


def write_example(folder: Path, *, clinic: bool) -> Path:
    """Write the example for one machine, or that for a clinic, into `folder`; its path.

    A file that is there already is left as it is. Raises UsageError.
    """
    source = "clinic.yaml" if clinic else NAME
    content = (resources.files("echonode") / "config" / "examples" / source).read_bytes()
    target = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise UsageError(f"{target} exists already: it is left as it is") from None
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from None
    return target
