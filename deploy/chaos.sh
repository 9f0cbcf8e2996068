#!/usr/bin/env bash
# Runs the tests that do harm, and makes one table of their lines `CHAOS what | figure | seed`.
#
#     CHAOS=daily deploy/chaos.sh swift test …
set -uo pipefail
if [ -z "${KAFKA_HOME:-}" ]; then
    echo "chaos: set KAFKA_HOME, the folder of a Kafka with the script \"kafka\" that starts and kills it" >&2
    exit 78
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$@" --filter 'ChaosTests|PipelineTests.SnapshotTests|SimulationTests' 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
echo
echo "## Faults, $(date -u +%Y-%m-%d), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
echo
echo "| what | tried, and what was compared |"
echo "| --- | --- |"
sed -nE 's/^CHAOS (.*) \| (.*) \| seed.*$/| \1 | \2 |/p' "$log"
grep -E '^(✘|􀢄) +Test ' "$log" | grep ' failed after ' | sed 's/^/FAILED: /'
exit "$status"
