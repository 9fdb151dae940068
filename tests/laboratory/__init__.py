"""An agent, a gateway and an internet of several hosts, in network namespaces of one machine."""
