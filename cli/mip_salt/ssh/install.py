"""What is put on a node, and taken off again: the identity in authorized_keys, and the right to use sudo.

Each script is one line of sh, reads one line from stdin, and says in one word what it did. What is already right is
not rewritten; what is rewritten is written beside and renamed, so an interruption or a full disk leaves the old file.
"""

from __future__ import annotations

from mip_salt.ssh.facts import one_line

# The terminal is for `mip-salt ssh`. It adds nothing to an identity that may use sudo: root makes ptys anyway.
RESTRICT = "restrict,pty"
# `ssh -W` through a bastion needs it.
RESTRICT_BASTION = "restrict,pty,port-forwarding"
CHANGED = b"MIP2-changed"


def key_line(public_key: str, options: str = RESTRICT) -> bytes:
    """Return the line of authorized_keys for a public key, with its newline.

    Raises ValueError if the key is not one line of type, key and comment.
    """
    words = public_key.split()
    if len(words) != 3 or words[0] != "ssh-ed25519" or "\n" in public_key.strip():
        raise ValueError("an identity is one line: ssh-ed25519, key, comment")
    return f"{options} {' '.join(words)}\n".encode("ascii")


# Reads the options as sshd does: up to the first blank outside quotes; else a key inside command="…" would count.
_AWK = one_line(r"""
function key(s,  i, c, q, w) {
sub(/^[ \t]+/, "", s);
if (s ~ /^#/) return "";
if (s ~ /^(ssh-|ecdsa-|sk-)[^ \t]*[ \t]/) { split(s, w, /[ \t\r]+/); return w[2] }
q = 0;
for (i = 1; i <= length(s); i++) { c = substr(s, i, 1);
if (c == sprintf("%c", 92)) { if (substr(s, i + 1, 1) == "\"") i++ }
else if (c == "\"") q = 1 - q;
else if (q == 0 && (c == " " || c == "\t")) break }
s = substr(s, i); sub(/^[ \t]+/, "", s); split(s, w, /[ \t\r]+/); return w[2] }
BEGIN { want = ENVIRON["line"]; b = key(want); done = 1 - add }
{ if (key($0) == b) { if (done == 0) { print want; done = 1 } } else print }
END { if (done == 0) print want }
""")


def _authorized_keys(add: int) -> str:
    """Return the script that adds the key on stdin (1) or removes it (0), whatever options stand before it."""
    missing = ': > "$f"' if add else "{ echo MIP2-unchanged; exit 0; }"
    there = 'grep -qxF -e "$line" "$t"' if add else ":"
    return one_line(rf"""
set -eu; LC_ALL=C; export LC_ALL; umask 077; cd; IFS= read -r line; export line; f=.ssh/authorized_keys;
[ -d .ssh ] || mkdir -m 700 .ssh || [ -d .ssh ];
if command -v flock > /dev/null; then exec 9< .ssh; flock -w 10 9 || :; fi;
f=$(readlink -f "$f") || {{ echo "authorized_keys is a link to nowhere"; exit 1; }};
[ -e "$f" ] || {missing};
[ -w "$f" ] || {{ echo "authorized_keys is read-only"; exit 1; }};
t=$(mktemp "$f.XXXXXXXX");
trap 'rm -f "$t"' EXIT; trap "exit 1" HUP INT TERM PIPE;
awk -v add={add} '{_AWK}' "$f" > "$t";
{there};
if cmp -s "$t" "$f"; then echo MIP2-unchanged; exit 0; fi;
o=$(stat -c %u "$f"); [ "$(stat -c %u "$t")" = "$o" ] || chown "$o" "$t"; chgrp --reference="$f" "$t" 2> /dev/null || :;
chmod --reference="$f" "$t"; sync "$t"; mv -f "$t" "$f";
if command -v restorecon > /dev/null; then restorecon -F "$f" || :; fi;
echo MIP2-changed
""")


INSTALL = _authorized_keys(1)
REMOVE = _authorized_keys(0)


def _sudoers(add: int) -> str:
    """Return the script that adds (1) or removes (0) the rule of the user who called sudo.

    Rules of other users stay: two federations may share a machine. A name with a dot is skipped by sudo, so the
    temporary file never counts.
    """
    put = (
        'printf "%s\\n" "$line" >> "$t"'
        if add
        else 'if [ -s "$t" ]; then :; else rm -f "$f"; echo MIP2-changed; exit 0; fi'
    )
    same = '[ "$(grep -cxF -e "$line" "$f")" = 1 ] && [ "$(stat -c %a:%u "$f")" = "440:$(id -u)" ]'
    done = f"if {same}; then echo MIP2-unchanged; exit 0; fi" if add else ":"
    missing = ":" if add else '[ -e "$f" ] || { echo MIP2-unchanged; exit 0; }'
    return one_line(rf"""
set -eu; LC_ALL=C; export LC_ALL; umask 077; d=/etc/sudoers.d; f=$d/mip-salt;
u=$(printf "%s" "$SUDO_USER" | tr -cd "a-z0-9_-");
[ -n "$u" ] && [ "$u" = "$SUDO_USER" ] || {{ echo "sudo names no usual user"; exit 1; }};
line="$u ALL=(root) NOPASSWD: ALL";
{missing};
if [ -e "$f" ]; then {done}; fi;
[ -d $d ] || mkdir -m 750 $d || [ -d $d ];
t=$(mktemp $d/.mip.XXXXXX);
trap 'rm -f "$t"' EXIT; trap "exit 1" HUP INT TERM PIPE;
if [ -e "$f" ]; then grep -vxF -e "$line" "$f" > "$t" || [ $? = 1 ]; fi;
{put};
chmod 440 "$t"; visudo -qcf "$t" || {{ echo "visudo refuses the rule"; exit 1; }};
sync "$t"; mv -f "$t" "$f";
echo MIP2-changed
""")


SUDOERS = _sudoers(1)
REMOVE_SUDOERS = _sudoers(0)
