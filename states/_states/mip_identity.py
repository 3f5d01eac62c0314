"""
Keep the federation's identity on a node: the key that logs in, and the sudo rule that makes its user root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    __salt__: dict[str, Callable[..., Any]]
    __opts__: dict[str, Any]

__virtualname__ = "mip_identity"


def __virtual__() -> str:
    return __virtualname__


def present(name: str | None, public_key: str | None, options: str = "restrict", sudo: bool = True) -> dict[str, Any]:
    """
    Let a public key log in as a user, and the user become root without a password.

    .. code-block:: yaml

        mip-identity-present:
          mip_identity.present:
            - name: mipadmin
            - public_key: ssh-ed25519 AAAA… mip-salt:brain

    name
        The user.

    public_key
        Kind, key and, if wanted, comment, as in ``id_ed25519.pub``.

    options
        The options of its line in ``authorized_keys``, as sshd(8) writes them.

    sudo
        Whether the user needs the sudo rule; root needs none.
    """
    ret = _return(name)
    try:
        user, key = _given(name, public_key)
        found = __salt__["mip_identity.check"](user, key, options)
        if found["state"] != "present":
            _change(ret, "authorized_keys", _told(found), "present", "mip_identity.add", user, key, options)
        if sudo:
            found = __salt__["mip_identity.sudo_check"](user)
            if found["state"] != "present":
                _change(ret, "sudo", _told(found), "present", "mip_identity.sudo_add", user)
    except CommandExecutionError as err:
        return _failed(ret, err)
    return _done(ret, f"the identity can log in as {user}" + (" and use sudo" if sudo else ""))


def absent(name: str | None, public_key: str | None) -> dict[str, Any]:
    """
    Let a public key log in as a user no more, and take the user's sudo rule away.

    .. code-block:: yaml

        mip-identity-absent:
          mip_identity.absent:
            - name: mipadmin
            - public_key: ssh-ed25519 AAAA… mip-salt:brain

    The sudo rule goes last: an earlier failure leaves a user who can still mend it. Another user's rule stays.

    name
        The user.

    public_key
        Kind and key, as in ``id_ed25519.pub``.
    """
    ret = _return(name)
    try:
        user, key = _given(name, public_key)
        found = __salt__["mip_identity.check"](user, key)
        if found["state"] != "absent":
            _change(ret, "authorized_keys", _told(found), "absent", "mip_identity.remove", user, key)
        found = __salt__["mip_identity.sudo_check"](user)
        if found["state"] != "absent":
            _change(ret, "sudo", _told(found), "absent", "mip_identity.sudo_remove", user)
    except CommandExecutionError as err:
        return _failed(ret, err)
    return _done(ret, f"the identity cannot log in as {user}, nor use sudo")


def _return(name: str | None) -> dict[str, Any]:
    return {"name": name, "changes": {}, "result": False, "comment": ""}


def _given(name: str | None, public_key: str | None) -> tuple[str, str]:
    if not name or not public_key:
        what = "user" if not name else "public key"
        raise CommandExecutionError(f"its pillar does not say the {what}: run mip-salt configure for this node")
    return name, public_key


def _told(found: dict[str, Any]) -> str:
    """Return in words what a check found."""
    if found["state"] in ("present", "absent"):
        return str(found["state"])
    details = "; ".join(each or "none" for each in found["options"]) if "options" in found else found["found"]
    return f"{found['state']}: {details}"


def _change(ret: dict[str, Any], what: str, old: str, new: str, function: str, *args: str) -> None:
    if not __opts__["test"]:
        __salt__[function](*args)
    ret["changes"][what] = {"old": old, "new": new}


def _failed(ret: dict[str, Any], err: CommandExecutionError) -> dict[str, Any]:
    ret["comment"] = f"The identity is not as it should be: {err}"
    return ret


def _done(ret: dict[str, Any], what: str) -> dict[str, Any]:
    if not ret["changes"]:
        ret.update(result=True, comment=f"Already so: {what}.")
    elif __opts__["test"]:
        ret.update(result=None, comment=f"Would be changed, so that {what}.")
    else:
        ret.update(result=True, comment=f"Changed: {what}.")
    return ret
