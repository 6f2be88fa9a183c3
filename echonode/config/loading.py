"""From a YAML file and the environment to a Config, or to every fault at once.

Rules
- Every value may be overridden by the environment: overrides.py.
- Relative paths are relative to the folder of the file, wherever the command is started: one file
  means one store.
- A fault names its path in the file and its line, or the variable of the environment it came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from echonode.config.collecting import checked
from echonode.config.overrides import override
from echonode.config.schema import Config
from echonode.config.yaml_tree import Location, path_of, read_tree
from echonode.errors import ConfigError, ConfigFault

_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Read and check a configuration. Raises ConfigError with every fault found."""
    try:
        content = path.read_bytes()
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise ConfigError([_fault(str(path), problem, "Give the path of a YAML file.")]) from None
    config = parse(_text(content), environ, folder=path.resolve().parent)
    _one_store(config, path)
    return config


def parse(text: str, environ: Mapping[str, str], *, folder: Path | None = None) -> Config:
    """Check a configuration's text. Raises ConfigError with every fault found.

    folder: what relative paths are relative to; without one, to the working directory.
    """
    tree = read_tree(text)
    variables, misfits = override(tree.values, environ)
    known = [*tree.faults, *misfits]
    config, found = checked(tree.values, folder, [fault.path for fault in known])
    faults = list(_first_of_each_path([*known, *found]))
    if config is None or faults:
        raise ConfigError(
            sorted(_placed(faults, tree.lines, variables), key=lambda fault: fault.line or 0)
        )
    return config


def _first_of_each_path(faults: Sequence[ConfigFault]) -> Iterator[ConfigFault]:
    seen = set()
    for fault in faults:
        if fault.path not in seen:
            seen.add(fault.path)
            yield fault


def _placed(
    faults: Sequence[ConfigFault], lines: Mapping[Location, int], variables: Mapping[Location, str]
) -> Iterator[ConfigFault]:
    """The faults with the variable, else the line, that each came from."""
    line_of = {path_of(location): line for location, line in lines.items()}
    variable_of = {path_of(location): variable for location, variable in variables.items()}
    for fault in faults:
        if variable := variable_of.get(fault.path):
            yield replace(fault, variable=variable)
        else:
            yield replace(fault, line=line_of.get(fault.path))


def _text(content: bytes) -> str:
    if content.startswith(_UTF_16_MARKS) or content[:200].count(0):
        raise ConfigError(
            [_fault("the file", "is UTF-16, not UTF-8 text", "Save it with the encoding UTF-8.")]
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(
            [
                _fault(
                    f"line {line}",
                    f"holds the byte {content[error.start]:#04x}, which is not UTF-8",
                    "Save the file with the encoding UTF-8.",
                )
            ]
        ) from None


def _one_store(config: Config, path: Path) -> None:
    """Refuse to begin an empty store while one lies where a relative data_dir used to lead."""
    folder = path.resolve().parent
    if not config.data_dir.is_relative_to(folder) or config.data_dir.exists():
        return
    elsewhere = Path.cwd() / config.data_dir.relative_to(folder)
    if elsewhere != config.data_dir and (elsewhere / "index.sqlite").exists():
        raise ConfigError(
            [
                _fault(
                    "data_dir",
                    f"means {config.data_dir}, next to the configuration file, where no store is; "
                    f"there is one at {elsewhere}",
                    f"Write data_dir: {elsewhere}, or move the store.",
                )
            ]
        )


def _fault(path: str, problem: str, remedy: str) -> ConfigFault:
    return ConfigFault(path=path, problem=problem, remedy=remedy)
