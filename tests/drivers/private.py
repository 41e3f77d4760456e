"""Index and search with the real encoder in a process in which touching the network is an error."""

import sys


def no_network(event: str, _: object) -> None:
    """Refuse whatever Python would do with a socket or a name server."""
    if event.startswith("socket."):
        raise RuntimeError(f"the network was touched: {event}")


sys.addaudithook(no_network)

from lookalike.cli.main import main  # noqa: E402  the hook comes first

folder, query, page = sys.argv[1:]
for command in (["index", folder], ["search", query, "--html", page, "--json"], ["status", "--gallery", folder]):
    assert main(command) == 0
assert "openvino" in sys.modules
assert not [name for name in sys.modules if "telemetry" in name]
