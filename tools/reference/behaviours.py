"""The behaviours of `echonode lying-pacs`, as a table for each service."""

from __future__ import annotations

from echonode.commands.lying_pacs.behaviour import SOME
from echonode.commands.lying_pacs.behaviours import BEHAVIOURS
from echonode.commands.lying_pacs.choosing import own_parameters


def behaviours() -> str:
    """A row for each; then the parameters that most of them share."""
    lines = []
    for service in dict.fromkeys(behaviour.service for behaviour in BEHAVIOURS):
        lines += ["", f"**{service.capitalize()}**", "", "| behaviour | does | parameters |"]
        lines.append("|---|---|---|")
        for behaviour in BEHAVIOURS:
            if behaviour.service != service:
                continue
            own = own_parameters(behaviour)
            words = [f"`{own}`"] if own else []
            words += ["*"] if set(SOME) <= set(behaviour.parameters) else []
            lines.append(f"| `{behaviour.name}` | {behaviour.sentence} | {' '.join(words)} |")
    lines += [
        "",
        "\\* These also take:",
        "",
        "| parameter | means | if not given |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{parameter.name}` | {parameter.sentence} | {parameter.default:g} |"
        for parameter in SOME
        if not isinstance(parameter.default, str)
    ]
    return "\n".join(lines)
