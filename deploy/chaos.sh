#!/usr/bin/env bash
# Runs the tests that do harm, and makes one table of their lines `CHAOS what | figures | seed`.
#
#     deploy/chaos.sh daily swift test …      each once
#     deploy/chaos.sh release swift test …    until what a release must show is shown, in pieces: ended and begun
#                                             again, it goes on where it was, also on another machine: what was found is in
#                                             deploy/chaos, by commit. ROWS="killed network simulated restart" takes up
#                                             those rows alone.
#     deploy/chaos.sh table [COMMIT]          what was found so far for the sources as they are, or were
#
#
# CHAOS_FILTER names other tests for "daily". RESTART_EVENTS (a file of a few million events) and RESTART_REFERENCE (its
# tables) add kills under traffic with a large state, timed by the program named in BENCHMARK.
set -uo pipefail
mode=${1:-}
case "$mode" in
    daily | release | table) shift ;;
    *)
        sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2
        exit 64
        ;;
esac
if [ "$mode" != table ] && [ -z "${KAFKA_HOME:-}" ]; then
    echo "chaos: set KAFKA_HOME, the folder of a Kafka with the script \"kafka\" that starts and kills it" >&2
    exit 78
fi
export CHAOS=1
# The commit that the programs and tests are of: what else changes, changes no result.
commit=$(git log -1 --format=%h -- Sources ':(exclude)Sources/benchmark' Tests Package.swift 2>/dev/null || echo unknown)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Runs some tests, with their words on the terminal and in $log.
try() {
    local filter=$1
    shift
    "$@" --no-parallel --filter "$filter" 2>&1 | tee "$log"
    return "${PIPESTATUS[0]}"
}

# Kills under traffic with a large state, timed.
restarts() {
    local folder port mode status=0
    [ -n "${RESTART_EVENTS:-}" ] && [ -n "${BENCHMARK:-}" ] || return 0
    folder=$(mktemp -d)
    port=$((20000 + RANDOM % 20000))
    "$KAFKA_HOME/kafka" start --dir "$folder" --port "$port" > /dev/null
    for mode in restart takeover; do
        "$BENCHMARK" kafka "$RESTART_EVENTS" --reference "$RESTART_REFERENCE" --bootstrap "127.0.0.1:$port" \
            --mode "$mode" --limit 2600000 2>&1 | tee -a "$log"
        [ "${PIPESTATUS[0]}" -eq 0 ] || status=1
    done
    "$KAFKA_HOME/kafka" stop --dir "$folder" --port "$port" > /dev/null
    rm -rf "$folder"
    return "$status"
}

# Lines of one name become one row: numbers are added, of memory and slopes the largest is taken.
table() {
    echo
    echo "## Faults, $(date -u +%Y-%m-%d), commit $commit"
    echo
    echo "| what | tried, and what was compared |"
    echo "| --- | --- |"
    awk -F ' [|] ' '
        /^CHAOS / {
            name = substr($1, 7)
            if (!(name in shown)) order[++rows] = name
            count = split($2, words, " ")
            for (i = 1; i <= count; i++) {
                was = (name in shown) ? seen[name, i] : ""
                if (words[i] !~ /^[0-9]+([.][0-9]+)?$/) seen[name, i] = words[i]
                else if (words[i + 1] ~ /^(MB|%)/) seen[name, i] = words[i] > was + 0 ? words[i] : was
                else seen[name, i] = was + words[i]
            }
            shown[name] = count
        }
        END {
            for (row = 1; row <= rows; row++) {
                text = ""
                for (i = 1; i <= shown[order[row]]; i++) text = text " " seen[order[row], i]
                print "| " order[row] " |" text " |"
            }
        }' "$1"
    sed -nE 's/^((start|kill) → .*, p[0-9]+) +([0-9.]+) .* s .*$/| \1 | \3 s |/p' "$1"
    grep -aE '^FAILED: ' "$1"
    return 0
}

keep() {
    grep -aE '^CHAOS |^(start|kill) → ' "$log" >> "$record"
    grep -aE '^(✘|􀢄) +Test ' "$log" | grep -a ' failed after ' | grep -av 'Test run with' | sed 's/^/FAILED: /' >> "$record"
}

if [ "$mode" = daily ]; then
    record=$(mktemp)
    trap 'rm -f "$log" "$record"' EXIT
    try "${CHAOS_FILTER:-ChaosTests|PipelineTests.SnapshotTests|SimulationTests|IngestTests}" "$@"
    status=$?
    keep
    : > "$log"
    restarts || status=1
    keep
    table "$record"
    exit "$status"
fi

[ "$mode" = release ] || commit=${1:-$commit}
record=deploy/chaos/$commit.txt
pieces=deploy/chaos/$commit-simulation.txt

# The line of all histories lived so far, or nothing.
simulated() {
    awk '{
        for (i = 2; i <= NF; i++) {
            split($i, pair, "=")
            if (pair[1] == "failed") failed += pair[2] == "[]" ? 0 : split(pair[2], seeds, ",")
            else sum[pair[1]] += pair[2]
        }
    }
    END {
        if (NR) printf "CHAOS simulated histories of 5000 events and 40 faults | %d histories; %d output records, " \
            "%d histories failed | seed 1\n", sum["histories"], sum["outputs"], failed
    }' "$pieces"
}

all() {
    local whole
    whole=$(mktemp)
    { cat "$record"; simulated; } > "$whole"
    table "$whole"
    rm -f "$whole"
}

# Whether a row is among ROWS.
asked() {
    local word
    [ -n "${ROWS:-}" ] || return 0
    for word in $ROWS; do
        case "$1" in *"$word"*) return 0 ;; esac
    done
    return 1
}

if [ "$mode" = table ]; then
    if ! [ -e "$record" ]; then
        echo "chaos: nothing was recorded for $commit; there is: $(cd deploy/chaos 2> /dev/null && ls)" >&2
        exit 1
    fi
    all
    exit
fi
mkdir -p deploy/chaos
touch "$record" "$pieces"
# What a test is called in the table, what its name has, and how often it must be run.
rows=(
    "kill -9 of the program|the program is killed|10"
    "workers frozen past every time-out, replaced, thawed|workers are frozen|10"
    "three workers that join and leave under load|three workers come and go|10"
    "kill -9 of the only broker|the only broker crashes|10"
    "kill -9 of each of three brokers in turn|each broker crashes in turn|10"
    "the network cut, slowed, sliced, reset|the network is cut|10"
    "requests late, lost, doubled, stray, refused, misreported|chosen requests are delayed|10"
    "traffic of 120 min at 5000 events/s|hours of traffic|1"
    "damaged snapshots|damaged snapshots are never loaded|1"
    "fuzzed inputs|IngestTests|5"
)
export SOAK_SECONDS=7200 SOAK_RATE=5000 SNAPSHOT_DAMAGES=1000000 FUZZ_TIMES=50
for row in "${rows[@]}"; do
    IFS='|' read -r name filter wanted <<< "$row"
    asked "$name" || continue
    while [ "$(grep -acF "CHAOS $name | " "$record")" -lt "$wanted" ]; do
        if ! try "$filter" "$@"; then
            keep
            all
            exit 1
        fi
        keep
    done
done
if asked "simulated histories"; then
    .build/tests/release/simulate first=1 count=100000 "state=$pieces" || exit 1
fi
if asked "restart" && ! grep -aq '^start → ' "$record"; then
    : > "$log"
    restarts || exit 1
    keep
fi
all
! grep -aq '^FAILED' "$record"
