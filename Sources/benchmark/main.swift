// Measurements of the monitor, each beside something that shows how good the figure is.
//
//     benchmark decode events.ndjson
//     benchmark help fold

import Glibc

let usage = """
    benchmark decode FILE                      lines → events → journal records, beside simdjson
    benchmark fold FILE --reference DIR        the state machine alone
    benchmark snapshot FILE --reference DIR    a state written away and restored, beside zstd alone
    benchmark score FILE --reference DIR --monitor PATH
                                               the executable with one processor and with two
    benchmark replay FILE --reference DIR --monitor PATH
                                               a journal folded again, beside score
    benchmark growth --monitor PATH --generator GEN
                                               ten times the patients, as many events
    benchmark windows                          five years of traffic: is memory flat?
    benchmark kafka FILE --reference DIR --bootstrap HOST:PORT
                                               the service on a broker: events/s, or event → decision
    benchmark help SUBCOMMAND                  what it measures, and its options

    Each figure is one line: the median of all runs, the least, the most, and a ratio to something that ran in the
    same run by turns, so that a noisy spell falls on both.
    """

/// A subcommand.
struct Command {
    let name: String
    let usage: String
    let run: @Sendable ([String]) throws(Failure) -> Void
}

/// All subcommands; the last is what `kafka` starts, nobody types it.
let commands = [
    Command(name: "decode", usage: Decode.usage, run: Decode.run),
    Command(name: "fold", usage: Fold.usage, run: Fold.run),
    Command(name: "snapshot", usage: Snapshot.usage, run: Snapshot.run),
    Command(name: "score", usage: Score.usage, run: Score.run),
    Command(name: "replay", usage: ReplayMeasure.usage, run: ReplayMeasure.run),
    Command(name: "growth", usage: Growth.usage, run: Growth.run),
    Command(name: "windows", usage: Windows.usage, run: Windows.run),
    Command(name: "kafka", usage: KafkaMeasure.usage, run: KafkaMeasure.run),
    Command(name: "service", usage: KafkaMeasure.usage, run: KafkaService.run),
]

var words = Array(CommandLine.arguments.dropFirst())
let first = words.isEmpty ? "help" : words.removeFirst()
if ["help", "--help", "-h"].contains(first) {
    let command = commands.first { $0.name == words.first }
    print(command?.usage ?? usage)
    exit(0)
}
guard let command = commands.first(where: { $0.name == first }) else {
    print("\(first) is no subcommand.\n\n\(usage)")
    exit(64)
}
if words.contains("--help") || words.contains("-h") {
    print(command.usage)
    exit(0)
}
do throws(Failure) {
    try command.run(words)
} catch {
    print("benchmark \(first): \(error.description)")
    exit(1)
}
