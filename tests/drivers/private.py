"""Index and search with the real encoder in a process in which any network access is an error."""

import sys


def no_network(event: str, _: object) -> None:
    """Raise for every socket or name server event."""
    if event.startswith("socket."):
        raise RuntimeError(f"network access: {event}")


sys.addaudithook(no_network)

from lookalike.cli.main import main  # noqa: E402  after the hook is installed

folder, query, page = sys.argv[1:]
for command in (["index", folder], ["search", query, "--html", page, "--json"], ["status", "--gallery", folder]):
    assert main(command) == 0
assert "openvino" in sys.modules
assert not [name for name in sys.modules if "telemetry" in name]
