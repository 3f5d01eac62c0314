"""`mip-salt vault`: open it, close it, read it, change it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from mip_salt.commands.context import Request, pass_request, shared_options
from mip_salt.commands.names import complete_entries
from mip_salt.errors import UsageError

if TYPE_CHECKING:
    from mip_salt.federation.folder import Folder
    from mip_salt.vault.keyring import Vault


@click.group()
def vault() -> None:
    """Open and close the vault; read and change what is in it.

    An entry (ID: a node's id, or federation) has two parts. What is under pillar reaches Salt, for that node alone;
    what is under admin never does.
    """


@vault.command()
@shared_options
@pass_request
def unlock(request: Request) -> None:
    """Open the vault until `vault lock`, or for eight hours, so that raw salt-ssh and every command can use it.

    \b
      mip-salt -f brain vault unlock
      cd /opt/brain && salt-ssh '*' test.ping
    """
    from mip_salt.federation.document import load
    from mip_salt.federation.generate import refresh
    from mip_salt.vault.session import unlock_for_good

    folder = _private(request)
    with request.held(folder, "vault unlock"):
        refresh(folder, load(folder))  # raw salt-ssh comes next, and it reads what is generated
        unlock_for_good(folder, request.passphrase(folder))
    request.terminal.success(f"The vault of {folder.name} is open, for eight hours or until: {_again(folder, 'lock')}")
    _status_document(request, folder)


@vault.command()
@shared_options
@pass_request
def lock(request: Request) -> None:
    """Close the vault at once: nothing opens and nothing connects until it is unlocked again.

    Needs no passphrase, and does not wait for a command that is at work: that one then fails as locked. What is
    connected already, such as a shell or `logs -f`, goes on until you end it, and does not connect again.

    \b
      mip-salt -f brain vault lock
    """
    from mip_salt.federation.journal import note
    from mip_salt.vault.private_agent import lock as close

    close(folder := request.folder())
    if folder.log.is_dir():
        note(folder, "vault lock", result="done")
    request.terminal.success(f"The vault of {folder.name} is locked.")
    _status_document(request, folder)


@vault.command()
@shared_options
@pass_request
def status(request: Request) -> None:
    """Say whether the vault is there and open, and which entries it has; opens nothing, asks nothing.

    \b
      mip-salt -f brain vault status
      mip-salt -f brain vault status --json
    """
    from mip_salt.vault.session import status as ask

    folder = request.folder()
    if request.json_output:
        _status_document(request, folder)
        return
    found = ask(folder)
    rows = [
        ("vault", "there" if found.exists else "missing"),
        ("state", "open until locked" if found.unlocked else "locked"),
        ("identity", "held by the private ssh-agent" if found.agent else "not usable"),
        ("entries", ", ".join((["federation"] if found.exists else []) + found.entries) or "none"),
    ]
    request.terminal.table(("VAULT OF", folder.name.upper()), rows)
    if found.unlocked and not found.agent:
        request.terminal.warning("The ssh-agent has ended; start it again: " + _again(folder, "unlock"))
    elif found.agent and not found.unlocked:
        request.terminal.warning(
            "A command has it open now, or a killed one left it open; if none is at work: " + _again(folder, "lock")
        )


@vault.command()
@click.argument("name", metavar="[ID]", default="federation", shell_complete=complete_entries)
@click.option("--secrets", is_flag=True, help="Show the values too; whoever sees your screen sees them.")
@shared_options
@pass_request
def view(request: Request, name: str, secrets: bool) -> None:
    """Show an entry as YAML; its values as ••••, unless asked for.

    ID is a node's id; without it, the federation's own entry. What proves the machine (pillar.mip.identity) is not
    secret and is shown; the identity's passphrase never is.

    \b
      mip-salt -f brain vault view wk1
      mip-salt -f brain vault view wk1 --secrets
    """
    from mip_salt.vault.strict_yaml import write_entry
    from mip_salt.vault.values import shown

    with _opened(request, "view", name) as (folder, store):
        body = shown(store.read(name), secrets=secrets)
    if request.json_output:
        _document(request, folder, id=name, entry=body)
    else:
        request.terminal.raw(write_entry(body).rstrip("\n"))


@vault.command()
@click.argument("name", metavar="ID", shell_complete=complete_entries)
@click.argument("where", metavar="PATH")
@shared_options
@pass_request
def get(request: Request, name: str, where: str) -> None:
    """Print one value, as it is, with a newline after it.

    \b
      mip-salt -f brain vault get wk1 pillar.db.password
    """
    from mip_salt.vault.values import get_value, parse_path

    path = parse_path(where)
    with _opened(request, "get", name, where) as (folder, store):
        value = get_value(store.read(name), path)
    if request.json_output:
        _document(request, folder, id=name, path=where, value=value)
    else:
        request.terminal.raw(value if isinstance(value, str) else json.dumps(value))


@vault.command(name="set")
@click.argument("name", metavar="ID", shell_complete=complete_entries)
@click.argument("where", metavar="PATH")
@click.argument("source", metavar="[-]", required=False)
@shared_options
@pass_request
def set_(request: Request, name: str, where: str, source: str | None) -> None:
    """Set one value, a text; it is asked for, hidden, or read from stdin with `-`.

    A PATH under pillar. reaches Salt, in the pillar of that node alone (pillar.db.password is there as db:password);
    one under admin. never does. Of stdin one newline at the end is left off. A value is never given on the command
    line: it would stand in `ps` and in your shell's history.

    \b
      mip-salt -f brain vault set wk1 pillar.db.password
      mip-salt -f brain vault set wk1 pillar.db.cert - < cert.pem
    """
    from mip_salt.vault.values import parse_path
    from mip_salt.workflows.vault import set_value

    if source not in (None, "-"):
        request.words = [word for word in request.words if word != source]
        raise UsageError(
            "a value never stands on the command line, where ps and your shell's history show it",
            hint="Leave it off and you are asked; or give it on stdin, with - in its place. Change it, if it was real.",
        )
    path = parse_path(where)
    if source is None and not request.terminal.interactive:
        raise UsageError("nobody is there to ask for the value", hint="Give it on stdin, with - after PATH.")
    value = _stdin() if source else None
    with _opened(request, "set", name, where) as (folder, store):
        if value is None:
            value = request.terminal.ask_hidden(f"Value of {where} in {name}")
        if not value:
            raise UsageError("nothing was given", hint=f"To set an empty text: {_again(folder, 'edit')} {name}")
        changed = set_value(store, name, path, value)
    _changed(request, folder, name, changed, id=name, path=where)


@vault.command()
@click.argument("name", metavar="[ID]", default="federation", shell_complete=complete_entries)
@shared_options
@pass_request
def edit(request: Request, name: str) -> None:
    """Edit an entry as YAML, in your editor (VISUAL, EDITOR, else the system's).

    The text lies in memory only (a tmpfs, verified), and is gone when the editor ends. The editor starts without your
    own settings, so that it remembers nothing on a disk. What is not valid is said, and opened again. What is under
    pillar reaches Salt, for that node alone; what is under admin never does.

    \b
      mip-salt -f brain vault edit wk1
      EDITOR=nano mip-salt -f brain vault edit
    """
    from mip_salt.workflows.vault import edit as run

    terminal = request.terminal

    def again(err: UsageError) -> bool:
        if not terminal.interactive:
            return False
        terminal.error(err)
        return terminal.confirm("Open it again? (no: leave the entry as it was)", default=True)

    with _opened(request, "edit", name) as (folder, store):
        changed = run(store, name, again)
    _changed(request, folder, name, changed, id=name)


@vault.command()
@shared_options
@pass_request
def passwd(request: Request) -> None:
    """Give the vault another passphrase; no entry is rewritten.

    Copies of the folder made before, backups too, keep the old passphrase. Without a terminal the old one is taken from
    MIP_SALT_VAULT_PASSPHRASE (or --vault-passphrase-file), the new one from MIP_SALT_VAULT_NEW_PASSPHRASE.

    \b
      mip-salt -f brain vault passwd
    """
    from mip_salt.questions.passphrase import NEW_VARIABLE, new_passphrase, taken
    from mip_salt.workflows.vault import passwd as run

    given = taken(NEW_VARIABLE)
    folder = _private(request)
    with request.held(folder, "vault passwd"):
        run(
            folder,
            request.passphrase(folder),
            lambda not_these: new_passphrase(folder.name, request.terminal, given, not_these),
        )
    request.terminal.success(f"The vault of {folder.name} has a new passphrase. Backups made before keep the old one.")
    _status_document(request, folder)


@contextmanager
def _opened(request: Request, command: str, name: str, where: str = "") -> Iterator[tuple[Folder, Vault]]:
    """Hold the federation and its open vault for one command on an entry that exists."""
    from mip_salt.vault.session import open_session
    from mip_salt.workflows.vault import entry_name

    folder = _private(request)
    entry_name(folder, name)
    what = " ".join(filter(None, ("vault", command, name, where)))
    with request.held(folder, what), open_session(folder, request.passphrase(folder)) as store:
        yield folder, store


def _private(request: Request) -> Folder:
    folder = request.folder()
    folder.check_private()
    return folder


def _stdin() -> str:
    try:
        text = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("stdin is not UTF-8 text", hint="Encode it first: base64 < FILE | mip-salt …") from None
    return text[:-1] if text.endswith("\n") else text


def _changed(request: Request, folder: Folder, name: str, changed: bool, **fields: Any) -> None:
    said = "is sealed again." if changed else "is unchanged; nothing was written."
    request.terminal.success(f"Entry {name} of {folder.name} {said}")
    if request.json_output:
        _document(request, folder, **fields, changed=changed)


def _status_document(request: Request, folder: Folder) -> None:
    if request.json_output:
        from mip_salt.vault.session import status as ask

        _document(request, folder, vault=ask(folder)._asdict())


def _document(request: Request, folder: Folder, **fields: Any) -> None:
    request.terminal.document({"federation": folder.name, "command": request.command, **fields})


def _again(folder: Folder, command: str) -> str:
    return f"mip-salt -f {folder.name} vault {command}"
