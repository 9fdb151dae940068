#!/usr/bin/env bash
# The program as a whole, in one run on one machine: `./dev bench`, or
# SALLYPORT=build/bench/bin/sallyport benchmarks/end_to_end.sh
set -euo pipefail
cd "$(dirname "$0")"
((EUID == 0)) || { echo "end_to_end.sh makes network namespaces, which needs root" >&2; exit 2; }
for part in start_up run_start_up run_connects end_to_end inspection holds; do
  printf '\n-- %s\n' "$part"
  /usr/bin/python3 -B "$part.py"
done
