"""The words for why a machine is not reachable, and what to do: the same for asyncssh and for the system's ssh."""

UNRESOLVED = "its name could not be resolved"
CHECK_NAME = "Check the spelling, or give the IP address."
REFUSED = "connection refused"
PORT = "sshd is not running, or listens on another port: give the address as ADDRESS:PORT."
NO_ROUTE = "no route to it"
NETWORK = "Check the address, the machine, and the network or VPN between."
SILENT = "no answer in time"
FIREWALL = "Check the address, and the firewalls between: they swallow what they do not allow."
NO_FORWARD = "the bastion does not forward"
ALLOW_FORWARD = "Its sshd must allow it: AllowTcpForwarding yes."
NOT_SSH = "not an SSH server"
DROPPED = "it closed the connection before any login"
TOO_MANY = (
    "sshd has too many logins pending (MaxStartups), or shuts this machine out for a while because of logins "
    "that failed (PerSourcePenalties, fail2ban). Wait a minute, then try again."
)
SHUT_OUT = "its sshd shuts this machine out for a while, because of logins that failed"
PENALTIES = (
    "Wait a minute, then try again. If it happens often, have its administrator exempt this machine in sshd_config:\n"
    "PerSourcePenaltyExemptList ADDRESS"
)
