#!/usr/bin/env bash
# The program as a whole beside HAProxy and dnsmasq, in one run on one machine: `./dev bench`, or
# SALLYPORT=build/bench/bin/sallyport benchmarks/end_to_end.sh [--gigabytes N] [--tunnels N] [--queries N]
set -euo pipefail
cd "$(dirname "$0")"
((EUID == 0)) || { echo "end_to_end.sh makes network namespaces, which needs root" >&2; exit 2; }
exec /usr/bin/python3 -B end_to_end.py "$@"
