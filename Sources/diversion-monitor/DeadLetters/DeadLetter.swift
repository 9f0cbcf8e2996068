internal import Ingest
internal import Journal

/// A record of the `dead-letters` topic, or a line of `dead-letters.ndjson`, as far as a person is told of it.
struct DeadLetter: Sendable {
    /// Where the record that could not be used stands.
    enum Source: Sendable, Hashable {
        case topic(String, partition: Int32, offset: Int64)
        case file(String, line: Int64)

        /// The topic or file.
        var name: String {
            switch self {
            case .topic(let name, _, _), .file(let name, _): name
            }
        }

        /// `claims[2]@5551`, `events.ndjson:17`.
        var place: String {
            switch self {
            case .topic(let name, let partition, let offset): "\(name)[\(partition)]@\(offset)"
            case .file(let name, let line): "\(name):\(line)"
            }
        }
    }

    /// `partition:offset` in the dead-letters topic; of a file the line.
    let id: LetterID
    /// When it was written; nil in a file.
    let time: Instant?
    let entity: String?
    let source: Source
    let code: String
    /// The field in the way; empty where it is the record as a whole.
    let field: String
    /// What could not be done, why, and what to do.
    let message: String
    /// The original bytes in base64, or the first 64 KiB of them.
    private let base64: String
    /// How large the record was, where only its beginning was kept.
    let wholeByteCount: Int?
    /// SHA-256 of the record, where only its beginning was kept.
    let wholeSHA256: String?
    /// That the record had been sent again from a letter before.
    let mark: RedriveMark?

    /// Only the beginning of the record was kept.
    var isTruncated: Bool { wholeByteCount != nil }

    /// How often the event was sent again before.
    var attempts: Int { mark?.attempt ?? 0 }

    /// The original bytes; nil where they are no base64.
    var value: [UInt8]? { Base64.decode(base64) }

    /// Reads a letter; nil where it is none.
    init?(_ json: JSONValue, id: LetterID, time: Instant?, mark: RedriveMark?) {
        guard let error = json["error"], let code = error["code"]?.text,
            let source = json["source"].flatMap(Source.init),
            let base64 = json["value"]?.text
        else { return nil }
        self.id = id
        self.time = time
        self.mark = mark
        self.source = source
        self.code = code
        self.base64 = base64
        entity = json["covered_entity_id"]?.text
        field = error["field"]?.text ?? ""
        message = error["message"]?.text ?? ""
        wholeByteCount = json["value_bytes"]?.text.flatMap { Int($0) }
        wholeSHA256 = json["value_sha256"]?.text
    }
}

extension DeadLetter.Source {
    /// The member `source` of a letter.
    init?(_ json: JSONValue) {
        if let topic = json["topic"]?.text,
            let partition = json["partition"]?.text.flatMap({ Int32($0) }),
            let offset = json["offset"]?.text.flatMap({ Int64($0) })
        {
            self = .topic(topic, partition: partition, offset: offset)
        } else if let file = json["file"]?.text,
            let line = json["line"]?.text.flatMap({ Int64($0) })
        {
            self = .file(file, line: line)
        } else {
            return nil
        }
    }
}

/// Names a dead letter: its place in the topic, or its line in a file (from 1, partition -1).
struct LetterID: Sendable, Hashable, Comparable {
    let partition: Int32
    let offset: Int64

    init(partition: Int32, offset: Int64) {
        self.partition = partition
        self.offset = offset
    }

    /// What a person writes: `3:17`, or the line of a file, `17`.
    init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 1, let line = Int64(text), line >= 1 {
            self.init(partition: -1, offset: line)
        } else if parts.count == 2, let partition = Int32(parts[0]), partition >= 0,
            let offset = Int64(parts[1]), offset >= 0
        {
            self.init(partition: partition, offset: offset)
        } else {
            return nil
        }
    }

    /// As a person writes it.
    var text: String { partition < 0 ? "\(offset)" : "\(partition):\(offset)" }

    static func < (left: Self, right: Self) -> Bool {
        (left.partition, left.offset) < (right.partition, right.offset)
    }
}

/// RFC 4648, section 4.
enum Base64 {
    /// The bytes that a text with padding stands for, or nil.
    static func decode(_ text: String) -> [UInt8]? {
        let letters = Array(text.utf8)
        guard letters.count % 4 == 0 else { return nil }
        let padding = letters.suffix(2).count { $0 == UInt8(ascii: "=") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(letters.count / 4 * 3)
        var word: UInt32 = 0
        for (place, letter) in letters.enumerated() {
            let bits: UInt8
            switch letter {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): bits = letter - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): bits = letter - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): bits = letter - UInt8(ascii: "0") + 52
            case UInt8(ascii: "+"): bits = 62
            case UInt8(ascii: "/"): bits = 63
            case UInt8(ascii: "=") where place >= letters.count - padding: bits = 0
            default: return nil
            }
            word = word << 6 | UInt32(bits)
            if place % 4 == 3 {
                for shift in [16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
                word = 0
            }
        }
        bytes.removeLast(padding)
        return bytes
    }
}
