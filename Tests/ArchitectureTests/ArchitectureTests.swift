import Foundation
import Testing

/// What the layout promises, held against the sources.
struct ArchitectureTests {
    /// What each module may import: an arrow more is a design change, made here with its reason.
    static let imports: [String: Set<String>] = [
        "Kafka": ["CKafka", "Glibc", "Synchronization"],
        // The vocabulary: no I/O, no Foundation. HMAC and SHA-256 are OpenSSL's.
        "Journal": ["COpenSSL"],
        // The shims find line feeds as the C library does.
        "Ingest": ["Journal", "Wording", "YAML", "CShims"],
        // No clock, no chance, no I/O. An atomic pins the machine to its place; the shims ask for memory ahead.
        "Engine": ["Journal", "CShims", "Synchronization"],
        // The only threads; the shims name them. They tell their instruments what they do.
        "Pipeline": [
            "Engine", "Ingest", "Journal", "Kafka", "Metrics", "YAML", "Glibc", "Synchronization",
            "CShims", "CZstd", "CXXHash",
        ],
        // What other programs ask: counters as text, and a listener that knows neither them nor the service.
        "Metrics": ["Synchronization"],
        "HTTP": ["CHTTP", "Glibc"],
        "Wording": [],
        "YAML": ["CYAML", "Wording"],
        "Settings": ["Wording", "YAML"],
        "CommandLineKit": ["Wording", "Glibc"],
        "diversion-monitor": [
            "CommandLineKit", "Engine", "HTTP", "Ingest", "Journal", "Kafka", "Metrics", "Pipeline",
            "Settings", "Wording", "YAML", "Glibc", "Synchronization",
        ],
    ]

    private static func module(_ line: String) -> String? {
        line.firstMatch(of: #/^(?:@\w+\s+)?(?:(?:public|package|internal)\s+)?import\s+(\w+)/#)
            .map { String($0.1) }
    }

    @Test(arguments: imports.keys.sorted())
    func `a module imports what the layout lets it import`(_ module: String) throws {
        let files = Repository.files("Sources/\(module)", ".swift")
        #expect(!files.isEmpty, "\(module) is gone: take it out of the table")
        let allowed = try #require(Self.imports[module])
        for file in files {
            for line in file.lines {
                guard let other = Self.module(line) else { continue }
                #expect(allowed.contains(other), "\(file.path) imports \(other)")
            }
        }
    }

    // MARK: the engine is a function of its journal

    /// What would bring time, chance, threads or the outside world into the engine.
    @Test func `the engine knows no clock, no chance, no thread and no outside`() {
        let banned =
            #/\b(Date|Calendar|TimeZone|Locale|Foundation|ProcessInfo|FileManager|CommandLine|Clock|ContinuousClock|SuspendingClock|SystemRandomNumberGenerator|async|await|Task|Mutex|print|debugPrint|dump|hashValue|Hasher|ObjectIdentifier|getenv|fopen|clock_gettime|gettimeofday|Float|Double)\b|\bactor\s+[A-Z]|\.random\(|\brandomElement|\.shuffled?\(/#
        let files = Repository.files("Sources/Engine", ".swift")
        #expect(files.count > 30)
        let hits = files.flatMap { Repository.hits(banned, in: $0, Repository.code) }
        #expect(hits.isEmpty, "\(hits.joined(separator: "\n"))")
    }

    /// The order of a dictionary differs from process to process: the engine looks up in them, and sorts before it goes
    /// through one.
    ///
    /// Names of dictionaries and sets are found where they are declared; what goes through a thing of that name must
    /// sort it on the same line.
    @Test func `the engine never goes through a dictionary or a set in its own order`() throws {
        let declared =
            #/\b(?:var|let|inout|_)\s*(\w+)\s*(?::\s*(?:inout\s+)?(?:Set<|\[[\w. ]+:)|=\s*(?:Set<|Set\(|\[\s*:\s*\]|\[\w+\s*:\s*[\[\w]))/#
        let files = Repository.files("Sources/Engine", ".swift")
        var names: Set<String> = []
        for file in files {
            for line in file.lines {
                for match in Repository.code(line).matches(of: declared) {
                    names.insert(String(match.1))
                }
            }
        }
        #expect(names.isSuperset(of: ["dispositions", "current", "payerTypes"]))
        // A labeler's restrictions are an array, in the order of their keys.
        names.remove("restrictions")
        let walks =
            "map|flatMap|compactMap|filter|forEach|reduce|keys|values|first|min|max|enumerated|"
            + "sorted|popFirst|allSatisfy|contains\\(where|firstIndex|joined|prefix|dropFirst"
        let one = names.sorted().joined(separator: "|")
        let walk = try NSRegularExpression(
            pattern:
                "\\bin\\s+(?:self\\.)?(?:\(one))\\b(?!\\s*[\\[(.])|\\b(?:\(one))\\.(?:\(walks))\\b"
                + "|\\bin\\s+Set[<(]"
        )
        for file in files {
            for (index, line) in file.lines.enumerated() {
                let code = Repository.code(line)
                guard !code.contains(".sorted") else { continue }
                let range = NSRange(code.startIndex..., in: code)
                #expect(
                    walk.firstMatch(in: code, range: range) == nil,
                    "\(file.path):\(index + 1) goes through what has no order"
                )
            }
        }
    }

    // MARK: rules

    /// The rules in the contract's order, from their declaration.
    static let rules: [String] =
        Repository.files("Sources/Journal", "Rule.swift").flatMap(\.lines)
        .prefix { !$0.contains("struct RuleSet") }
        .compactMap { $0.firstMatch(of: #/case \.\w+: "(\w+)"/#).map { String($0.1) } }

    /// Judged by a history instead of by facts; each comes with its detector.
    private static let series = [
        "usage_spike", "usage_new_pair", "ineligible_rate_shift", "capture_rate_drop",
        "quantity_outlier", "feed_silent",
    ]

    @Test func `every rule has its story`() {
        #expect(Self.rules.count == 30)
        let stories = Repository.files("fixtures/scenarios/rules", ".txt")
            .map { String($0.path.split(separator: "/").last?.dropLast(4) ?? "") }
        let facts = Self.rules.filter { !Self.series.contains($0) }
        #expect(Set(stories).isSuperset(of: facts))
        #expect(Set(stories).isSubset(of: Self.rules), "a story about a rule that is none")
    }

    /// One file a rule about a fill, with what it looks like before and after in its comment.
    @Test func `every rule about a fill has its file`() {
        let files = Repository.files("Sources/Engine/Rules", ".swift")
            .map { String($0.path.split(separator: "/").last?.dropLast(6) ?? "") }
        let accumulator = [
            "gpo_prohibited_purchase", "accumulator_negative", "over_accumulation",
            "over_replenished", "accumulator_stale",
        ]
        for rule in Self.rules where !(Self.series + accumulator).contains(rule) {
            let name = rule.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }
                .joined()
            #expect(files.contains(name), "\(rule) has no \(name).swift")
        }
    }

    // MARK: words

    /// Types, functions and subscripts that other modules see say what they are. Fields may let their names speak, as
    /// may initialisers that only set them and operators.
    @Test func `every public type and function has a doc comment`() {
        let declaration =
            #/^\s*(?:@\w+(?:\([^)]*\))?\s+)*public\s+(?:(?:static|final|mutating|nonisolated|borrowing|consuming|indirect)\s+)*(?:struct|enum|class|actor|protocol|typealias|subscript|func)\s*(?<name>[\w(<=>+-]+)/#
        var bare: [String] = []
        for file in Repository.files("Sources", ".swift") {
            for (index, line) in file.lines.enumerated() {
                guard let match = line.firstMatch(of: declaration),
                    match.output.name.first?.isLetter ?? false || line.contains("subscript")
                else { continue }
                var above = index - 1
                while above >= 0, file.lines[above].contains(#/^\s*@\w+(\(.*\))?\s*$/#) {
                    above -= 1
                }
                let isTold =
                    above >= 0
                    && file.lines[above].trimmingCharacters(in: .whitespaces).hasPrefix("///")
                if !isTold { bare.append("\(file.path):\(index + 1): \(line)") }
            }
        }
        #expect(bare.isEmpty, "\(bare.joined(separator: "\n"))")
    }

    @Test func `no source names a place of one machine`() {
        let place = #/"(?:\/work|\/home|\/root|\/tmp|\/Users)\b/#
        let files = Repository.files("Sources", ".swift", ".h", ".yaml")
        // Where TMPDIR says nothing, POSIX does.
        let hits = files.flatMap { Repository.hits(place, in: $0) { $0 } }
            .filter { !$0.contains("TMPDIR") }
        #expect(hits.isEmpty, "\(hits.joined(separator: "\n"))")
    }

    @Test func `nothing is left to be done in a comment`() {
        let word = "TO" + "DO|FIX" + "ME|XX" + "X"
        for file in Repository.files("Sources", ".swift") + Repository.files("Tests", ".swift") {
            for (index, line) in file.lines.enumerated() {
                #expect(
                    line.range(of: "\\b(?:\(word))\\b", options: .regularExpression) == nil,
                    "\(file.path):\(index + 1)"
                )
            }
        }
    }

    // MARK: topics

    /// The names of the topics by default, as the service's configuration has them.
    private static func topicsInCode() -> Set<String> {
        let lines = Repository.files("Sources/diversion-monitor", "TopicRole.swift").flatMap(
            \.lines
        )
        var names: Set<String> = []
        for line in lines {
            let code = line.trimmingCharacters(in: .whitespaces)
            guard code.hasPrefix("case "), !code.contains(":"), !code.hasPrefix("case .") else {
                continue
            }
            for part in code.dropFirst(5).split(separator: ",") {
                let words = part.split(separator: "=").map {
                    $0.trimmingCharacters(in: CharacterSet(charactersIn: " \""))
                }
                if let name = words.last { names.insert(name) }
            }
        }
        return names
    }

    @Test func `topics in code are the files in topics`() {
        let files = Repository.files("topics", ".yaml")
        let names = files.map { String($0.path.dropFirst("topics/".count).dropLast(5)) }
        #expect(Set(names) == Self.topicsInCode())
        for file in files {
            let stated = file.lines.first { $0.hasPrefix("name: ") }?.dropFirst("name: ".count)
            #expect(file.path == "topics/\(stated ?? "").yaml")
        }
    }
}
