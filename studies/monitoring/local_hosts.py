"""Names of this machine under which its own pages are asked for."""

HOST = "127.0.0.1"


def is_local_host(header: str) -> bool:
    """Tell whether a request's header `Host` names this machine.

    A page elsewhere whose name resolves to this machine must read nothing from its servers.

    Examples:
        >>> is_local_host("localhost:8080"), is_local_host("localhost"), is_local_host("127.0.0.1.example.com:8080")
        (True, True, False)
    """
    return header.partition(":")[0] in (HOST, "localhost")
