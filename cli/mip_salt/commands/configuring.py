"""Run the configure workflow for a command, and show how it went; who answers the questions is the command's choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mip_salt.commands.context import Request
    from mip_salt.federation.folder import Folder
    from mip_salt.questions.wish import Questions
    from mip_salt.remote.results import NodeResult


def configure_with(
    request: Request,
    folder: Folder,
    questions: Questions,
    *,
    what: str,
    terse: bool,
    told: Callable[[str], bool] = lambda name: False,
    begun: Callable[[], None] = lambda: None,
    done: Callable[[Sequence[NodeResult]], None] = lambda results: None,
) -> int:
    """Make nodes of a federation as the questions are answered; return the exit code.

    what
        The command, for the lock and the journal.
    terse
        Say of a node only how it ended: of many side by side only the outcome is news.
    told
        Says whether the operator was told already why a node failed.
    begun
        Called under the lock, once the federation's document is there and before any node is asked.
    done
        Called under the lock with the results.
    """
    from mip_salt.commands.show import show_failure, show_nodes
    from mip_salt.federation.document import begin, load
    from mip_salt.federation.generate import refresh
    from mip_salt.remote.results import exit_code
    from mip_salt.vault.session import open_session
    from mip_salt.workflows.configure import Done, configure
    from mip_salt.workflows.seat import Seat

    terminal = request.terminal

    def progress(name: str, text: str) -> None:
        (terminal.detail if terse else terminal.say)(f"  {name}: {text} …")

    def finished(step: Done) -> None:
        result = step.result
        if step.removed and not result.error:
            terminal.success(f"{result.id} is removed")
            for line in filter(None, result.hint.split("\n")):
                terminal.warning(line)
        elif not result.error:
            terminal.success(
                f"{result.id} is {result.facts['hostname']}" + ("" if result.kind == "changed" else ", as before")
            )
        elif step.removed or not told(result.id):
            show_failure(request, result)

    folder.create()
    with request.held(folder, what):
        begin(folder)
        begun()
        refresh(folder, load(folder))
        with open_session(folder, request.passphrase(folder), create=True) as vault:
            results = configure(Seat(folder, vault, questions, progress), finished)
        done(results)
        show_nodes(request, folder, results)
    return exit_code(results)
