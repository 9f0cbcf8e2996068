#!/usr/bin/env bash
# Runs the tests that do harm, and makes one table of their lines `CHAOS what | figure | seed`.
#
#     CHAOS=daily deploy/chaos.sh swift test …
#
# CHAOS_FILTER names other tests. RESTART_EVENTS (a file of a few million events) and RESTART_REFERENCE (its
# tables) add kills under traffic with a large state, timed by the program named in BENCHMARK.
set -uo pipefail
if [ -z "${KAFKA_HOME:-}" ]; then
    echo "chaos: set KAFKA_HOME, the folder of a Kafka with the script \"kafka\" that starts and kills it" >&2
    exit 78
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$@" --no-parallel --filter "${CHAOS_FILTER:-ChaosTests|PipelineTests.SnapshotTests|SimulationTests}" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
if [ -n "${RESTART_EVENTS:-}" ] && [ -n "${BENCHMARK:-}" ]; then
    folder=$(mktemp -d)
    port=$((20000 + RANDOM % 20000))
    "$KAFKA_HOME/kafka" start --dir "$folder" --port "$port" > /dev/null
    for mode in restart takeover; do
        "$BENCHMARK" kafka "$RESTART_EVENTS" --reference "$RESTART_REFERENCE" --bootstrap "127.0.0.1:$port" \
            --mode "$mode" --limit 2600000 2>&1 | tee -a "$log"
    done
    "$KAFKA_HOME/kafka" stop --dir "$folder" --port "$port" > /dev/null
    rm -rf "$folder"
fi
echo
echo "## Faults, $(date -u +%Y-%m-%d), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
echo
echo "| what | tried, and what was compared |"
echo "| --- | --- |"
sed -nE 's/^CHAOS (.*) \| (.*) \| seed.*$/| \1 | \2 |/p' "$log"
sed -nE 's/^((start|kill) → .*, p[0-9]+) +([0-9.]+) .* s .*$/| \1 | \3 s |/p' "$log"
grep -E '^(✘|􀢄) +Test ' "$log" | grep ' failed after ' | sed 's/^/FAILED: /'
exit "$status"
