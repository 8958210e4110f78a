"""A real Ray cluster of two working nodes on this machine, for as long as standard input is open.

    python ray_cluster.py [PORT]

Prints its address; on PORT it serves Ray's
client. The line "kill" on standard input kills one of them, workers and all. The head does no work,
as Ray advises.
"""

from __future__ import annotations

import sys
from typing import Any

from ray.cluster_utils import Cluster

NODE: dict[str, Any] = {
    "num_cpus": 1,
    "object_store_memory": 400 << 20,  # bytes of shared memory
    "include_dashboard": False,  # it alone takes more memory than the rest, and a minute
}


def main() -> None:
    """Keep the cluster until there is nobody to keep it for."""
    port = sys.argv[1:]
    given = {"num_cpus": 0} | ({"ray_client_server_port": int(*port)} if port else {})
    cluster = Cluster(initialize_head=True, head_node_args=NODE | given)
    try:  # an address of its own: a driver joins a node that has its machine's
        node = cluster.add_node(**NODE, node_ip_address="127.0.0.2")
        cluster.add_node(**NODE)
        _say(cluster.address)
        for line in sys.stdin:
            if line.strip() == "kill":
                cluster.remove_node(node, allow_graceful=False)
                _say("killed")
    finally:
        cluster.shutdown()


def _say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
