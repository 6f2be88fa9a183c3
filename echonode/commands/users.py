"""`echonode user`: who may use the console and the API. Works while the node runs and without it.

Passwords come from standard input, or are asked for on a terminal: never from the command line,
which other programs and the shell's history can read.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import Annotated

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes

app = typer.Typer(help="Users of the console and the API.", no_args_is_help=True)
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Small letters, digits, `.`, `_`, `-`.")
]


class RoleName(StrEnum):
    """The same as access.roles.Role, which help does not wait for."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"
    SERVICE = "service"


RoleOption = Annotated[
    RoleName,
    typer.Option(
        help="viewer looks and changes nothing; operator examines; administrator also has the "
        "users; service is a program, which gets a token."
    ),
]


@app.command()
def add(name: NameArgument, role: RoleOption, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Add a user. The password is read from standard input; a service's token is printed once."""
    with outcomes():
        from echonode.access.roles import Role
        from echonode.commands import user_store

        _quiet()
        password = "" if role is RoleName.SERVICE else _password()
        made = user_store.add(load_config(config), name, Role(role.value), password)
        typer.echo(f"{made['name']}: {made['role']}", err=True)
        if token := made.get("token"):
            typer.echo(token)
            typer.echo("The token is shown this once. Send it as: Authorization: Bearer", err=True)


@app.command("list")
def list_users(
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="As JSON.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """The users, by name."""
    with outcomes():
        from echonode.commands import user_store

        users = user_store.list_users(load_config(config))
        if as_json:
            typer.echo(json.dumps(users, indent=2))
            return
        for user in users:
            state = "disabled" if user["disabled"] else "enabled"
            typer.echo(f"{user['name']}\t{user['role']}\t{state}\t{user['created_at']}")
        if not users:
            typer.echo("There is no user.", err=True)


@app.command("set-role")
def set_role(name: NameArgument, role: RoleOption, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Give a user another role; the user logs in again."""
    with outcomes():
        from echonode.access.roles import Role
        from echonode.commands import user_store

        _quiet()
        user_store.change(load_config(config), name, role=Role(role.value))


@app.command("set-password")
def set_password(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Replace a password, and forget the PIN; the user logs in again."""
    with outcomes():
        from echonode.commands import user_store

        _quiet()
        user_store.change(load_config(config), name, password=_password())


@app.command()
def disable(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Refuse a user from the next request on; sessions end and tokens are refused."""
    with outcomes():
        from echonode.commands import user_store

        _quiet()
        user_store.change(load_config(config), name, disabled=True)


@app.command()
def enable(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let a disabled user log in again."""
    with outcomes():
        from echonode.commands import user_store

        _quiet()
        user_store.change(load_config(config), name, disabled=False)


@app.command()
def remove(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Remove a user, with sessions and token."""
    with outcomes():
        from echonode.commands import user_store

        _quiet()
        user_store.remove(load_config(config), name)


@app.command()
def token(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Print a new token of a service; the one before is refused from now on."""
    with outcomes():
        from echonode.commands import user_store

        _quiet()
        typer.echo(user_store.new_token(load_config(config), name))


@app.command("setup-code")
def setup_code(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Print the code by which the first user is made on the set-up page."""
    with outcomes():
        from echonode.commands import user_store

        _quiet()
        typer.echo(user_store.setup_code(load_config(config)))


def register(main: typer.Typer) -> None:
    """Add the commands to the program."""
    main.add_typer(app, name="user")


def _password() -> str:
    """The first line of standard input; on a terminal it is asked for, twice. Raises UsageError."""
    from echonode.errors import UsageError

    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise UsageError("give the password on standard input")
    return password


def _quiet() -> None:
    """The store's own lines are for the log of a node."""
    from echonode import log

    log.configure(level="critical")
