// The service as a process, so that tests can kill and freeze it. A line of `name=value` words is all it is told:
//
//     service-stage run bootstrap=127.0.0.1:9092 application=t1 prefix=t1. roles=ingest,score instance=a
//     service-stage topics … partitions=4 sources=2
//     service-stage feed … events=FILE reference=FOLDER rate=2000
//     service-stage feed … events=FILE times=20 days=2 entity=ID    over again, as time goes by, all of one entity
//     service-stage approve …                    approves what is proposed, until SIGTERM
//     service-stage sources …                    counts what the source topics hold
//     service-stage hold … roles=ingest seconds=15   a transaction with the group's offsets stays open
//     service-stage settle … roles=ingest        waits until the role has done all there is
//     service-stage dump … to=FOLDER
//     service-stage copied … from=FOLDER         which source records the dumped journal has not, or twice
//     service-stage outputs … partition=0 against=FOLDER   output topics, read committed, held against the files of a fold
//     service-stage damage …                     deletes all snapshots
//     service-stage score … partition=0 from=FOLDER to=FOLDER   a dumped partition of the journal folded
import Engine
import Glibc
import Ingest
import Journal
import Kafka
import Pipeline
import Synchronization

signal(SIGPIPE, SIG_IGN)
var words: [String: String] = [:]
for argument in CommandLine.arguments.dropFirst(2) {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    words[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
}
let stage = Stage(words)
do {
    switch CommandLine.arguments.dropFirst().first {
    case "run":
        let status = stage.run()
        fflush(nil)
        _exit(status)  // As the program does.
    case "topics": try stage.topics()
    case "feed": try stage.feed()
    case "approve": try stage.approve()
    case "dump": try stage.dump()
    case "outputs": try stage.outputs()
    case "copied": try stage.copied()
    case "score": try stage.score()
    case "settle": try stage.settle()
    case "recover": try stage.recover()
    case "sources": try stage.sources()
    case "hold": try stage.hold()
    case "foreign": try stage.foreign()
    case "ticks": try stage.ticks()
    case "damage": try stage.damage()
    case "latency": try stage.latency()
    default: exit(64)
    }
} catch {
    say("failed: \(error)")
    exit(1)
}
