internal import YAML

/// A topic as code: what it is for and how it must be set up.
struct TopicDefinition: Sendable, Equatable {
    /// How many partitions it has.
    enum Partitions: Sendable, Equatable {
        /// A number of its own.
        case count(Int32)
        /// As many as the journal: an entity's place is the same in both.
        case journal
    }

    let role: TopicRole
    /// What it holds, in a sentence or two.
    let doc: String
    let key: String
    let value: String
    let partitions: Partitions
    /// Brokers that hold each partition; nil leaves it to the cluster.
    let replication: Int32?
    /// Settings of the topic, by Kafka's names.
    let configuration: [Entry]
    let writtenBy: [String]
    let readBy: [String]

    struct Entry: Sendable, Equatable {
        let name: String
        let value: String
    }
}

// MARK: - As a file

extension TopicDefinition {
    /// The name of its file.
    var fileName: String { role.name + ".yaml" }

    /// The file's text.
    var text: String {
        var lines = [
            "name: \(role.name)",
            "key: \(quoted(key))",
            "value: \(quoted(value))",
            "partitions: \(partitionText)",
            "replication: \(replication.map { "\($0)" } ?? "cluster")",
            "config:",
        ]
        lines += configuration.map { "  \($0.name): \(quoted($0.value))" }
        lines += [
            "written_by: [\(writtenBy.map(quoted).joined(separator: ", "))]",
            "read_by: [\(readBy.map(quoted).joined(separator: ", "))]",
            "doc: >-",
        ]
        lines += wrapped(doc).map { "  " + $0 }
        return lines.joined(separator: "\n") + "\n"
    }

    private var partitionText: String {
        switch partitions {
        case .count(let count): "\(count)"
        case .journal: "journal"
        }
    }

    private func quoted(_ text: String) -> String {
        let isPlain =
            text.utf8.first.map { ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || $0 == 0x2D } == true
            && text.utf8.allSatisfy { ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || $0 == 0x2D }
        return isPlain ? text : "\"\(text)\""
    }

    private func wrapped(_ text: String) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let line = lines.last, line.count + word.count < 96 {
                lines[lines.count - 1] = line + " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }

    /// Reads a file; everything that is wrong with it is thrown at once.
    static func read(_ bytes: [UInt8], file: String) throws(Diagnostics) -> TopicDefinition {
        try YAML.read(bytes, file: file) { fields in
            let name = fields.required(
                "name",
                .choice(TopicRole.allCases.map(\.name)),
                or: TopicRole.journal.name
            )
            let partitions = fields.required("partitions", partitionShape, or: .journal)
            let configuration = fields.required("config", .dictionary(of: .string), or: [])
            return TopicDefinition(
                role: TopicRole(rawValue: name) ?? .journal,
                doc: fields.required("doc", .string, or: ""),
                key: fields.required("key", .string, or: ""),
                value: fields.required("value", .string, or: ""),
                partitions: partitions,
                replication: fields.required("replication", replicationShape, or: nil),
                configuration: configuration.map { Entry(name: $0.key, value: $0.value) },
                writtenBy: fields.required("written_by", .list(of: .string), or: []),
                readBy: fields.required("read_by", .list(of: .string), or: [])
            )
        }
    }

    private static var partitionShape: Shape<Partitions> {
        .scalar { text, _ in
            if text == "journal" { return .success(.journal) }
            guard let count = Int32(text), (1...10_000).contains(count) else {
                return .failure(
                    Mismatch("is no number of partitions. Write 1 to 10000, or journal.")
                )
            }
            return .success(.count(count))
        }
    }

    private static var replicationShape: Shape<Int32?> {
        .scalar { text, _ in
            if text == "cluster" { return .success(nil) }
            guard let count = Int32(text), (1...100).contains(count) else {
                return .failure(
                    Mismatch("is no number of brokers. Write 1 to 100, or cluster for its default.")
                )
            }
            return .success(count)
        }
    }
}
