import Foundation
import SimulationKit

// Lives histories, many or one:
//
//     simulate [first=1] [count=100] [events=5000] [faults=40] [trace=SEED]

var words: [String: String] = [:]
for argument in CommandLine.arguments.dropFirst() {
    let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
    words[parts[0]] = parts.count > 1 ? parts[1] : ""
}
exit(Campaign.run(words))
