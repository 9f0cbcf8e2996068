import Foundation
import Testing

/// Stories in a text file: a title, what is given, a line of dashes, what must follow; a blank line ends a story.
///
/// With `STORIES_UPDATE=1` in the environment what follows is rewritten: read the difference before keeping it.
struct Stories {
    struct Story {
        var title: String
        var given: [String]
        var expected: [String]
    }

    static var fixtures: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("fixtures")
    }

    /// The text files of a folder of fixtures.
    static func files(_ folder: String) -> [String] {
        let url = fixtures.appendingPathComponent(folder)
        let names = try? FileManager.default.contentsOfDirectory(atPath: url.path)
        return (names ?? []).filter { $0.hasSuffix(".txt") }.sorted().map { folder + "/" + $0 }
    }

    /// Tells every story of a file: `tell` gives what follows from what is given.
    static func tell(_ file: String, _ tell: ([String]) -> [String]) throws {
        let url = fixtures.appendingPathComponent(file)
        let text = try String(contentsOf: url, encoding: .utf8)
        var blocks: [[String]] = [[]]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.isEmpty { blocks.append([]) } else { blocks[blocks.count - 1].append(line) }
        }
        var rewritten: [String] = []
        var stories = 0
        for block in blocks where !block.isEmpty {
            guard let rule = block.firstIndex(where: { $0.allSatisfy { $0 == "-" } }) else {
                #expect(block.allSatisfy { $0.hasPrefix("#") }, "no dashes in \(block[0])")
                rewritten.append(block.joined(separator: "\n"))
                continue
            }
            stories += 1
            let outcome = tell(Array(block[1..<rule])).flatMap {
                $0.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            }
            if ProcessInfo.processInfo.environment["STORIES_UPDATE"] == nil {
                #expect(Array(block[(rule + 1)...]) == outcome, "\(file): \(block[0])")
            }
            rewritten.append((block[...rule] + outcome).joined(separator: "\n"))
        }
        #expect(stories > 0)
        if ProcessInfo.processInfo.environment["STORIES_UPDATE"] != nil {
            try (rewritten.joined(separator: "\n\n") + "\n").write(
                to: url,
                atomically: true,
                encoding: .utf8
            )
        }
    }

    /// `<3 × ab>` is `ababab`, and `\xNN` a byte.
    static func bytes(_ text: String) -> [UInt8] {
        var result: [UInt8] = []
        var rest = Substring(text)
        while let first = rest.first {
            if first == "<", let end = rest.firstIndex(of: ">"),
                let times = rest.firstRange(of: " × "), times.lowerBound < end,
                let count = Int(rest[rest.index(after: rest.startIndex)..<times.lowerBound])
            {
                let piece = bytes(String(rest[times.upperBound..<end]))
                for _ in 0..<count { result += piece }
                rest = rest[rest.index(after: end)...]
            } else if rest.hasPrefix("\\x"), rest.count >= 4,
                let byte = UInt8(rest.dropFirst(2).prefix(2), radix: 16)
            {
                result.append(byte)
                rest = rest.dropFirst(4)
            } else {
                result += Array(String(first).utf8)
                rest = rest.dropFirst()
            }
        }
        return result
    }
}

/// Numbers that look random and are the same for the same seed (splitmix64).
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// So many inputs, or as many times that as `FUZZ_TIMES` says; told to `make chaos`.
    func inputs(_ count: Int) -> Int {
        let times = ProcessInfo.processInfo.environment["FUZZ_TIMES"].flatMap { Int($0) } ?? 1
        print(
            "CHAOS fuzzed inputs | \(count * times) inputs without trap, hang or loss | seed \(state)"
        )
        return count * times
    }

    /// The seed of `FUZZ_SEED`, else a new one; printed, so that a failure can be had again.
    static func announced(_ test: String) -> SeededNumbers {
        let given = ProcessInfo.processInfo.environment["FUZZ_SEED"].flatMap { UInt64($0) }
        let seed = given ?? UInt64.random(in: 0..<1_000_000_000)
        print("\(test): FUZZ_SEED=\(seed)")
        return SeededNumbers(state: seed)
    }
}
