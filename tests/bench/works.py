"""The pieces of work that are measured."""

HOSTNAME = "hostname"
HOSTNAME_AGAIN = "hostname, connections there"
PING = "ping"
TRUE = "10 states true"
TRUE_AGAIN = "10 states true, connection open"
FIRST = "first contact + 10 states"

MEANINGS = {
    HOSTNAME: "ask every node for its hostname",
    HOSTNAME_AGAIN: "the same a moment later, where a tool keeps its connections",
    PING: "let the tool's own code answer on every node",
    TRUE: "find ten states true on every node, nothing to change",
    TRUE_AGAIN: "the same once more in the same process",
    FIRST: "the same, and nothing of the tool is on the nodes yet",
}
