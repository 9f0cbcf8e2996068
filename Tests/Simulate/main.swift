import Foundation
import SimulationKit

// Lives histories of the simulated service, many or one:
//
//     simulate first=1 count=100000 state=simulation.txt     in pieces; begun again, it goes on where it was
//     simulate trace=4711                                    all of one history, line by line
//
// Also: events=5000 faults=40 threads=2 piece=500, and failures=N to end after so many.

var words: [String: String] = [:]
for argument in CommandLine.arguments.dropFirst() {
    let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
    words[parts[0]] = parts.count > 1 ? parts[1] : ""
}
exit(Campaign.run(words))
