internal import Journal

/// What is committed beside a source partition's offset, in the same transaction as the records copied from it.
///
/// It is text of ASCII and at most 4096 bytes, the broker's limit: `1 ` and base64 of variable-length integers: the
/// first offset ever copied, the progress and the newest record's time in microseconds, whether its end was reached,
/// then for each journal partition the number of records given to it. Behind it, where there is room, a space and the
/// transactional id of who wrote it, ` @` and, where there is room, base64 of the ``StableOffsets``.
struct SourceMetadata: Equatable {
    /// The first offset that was copied.
    var firstOffset: Int64
    /// Largest progress that a tick may have told.
    var reached: Instant
    /// Largest time of a record copied.
    var newest: Instant
    /// It had been copied to its end: nobody need wait for it.
    var isAtEnd = false
    /// Next counter, by journal partition.
    var counters: [UInt64]

    /// The transactional id of the worker that copies it: whoever takes over can end what it has left open.
    var owner = ""
    /// Nothing of it that may be hidden, or seen and not counted, lies before them. Without them, as beside offsets of an
    /// owner whose name leaves them no room, all is searched.
    var stable: StableOffsets?

    private static let mostBytes = 4096
    /// How many counters and offsets of up to 2^42 fit, six bytes each, beside an owner's name of 256 characters.
    static let mostNumbers = 474

    /// Whether all that must be known of so many partitions fits.
    static func hasRoom(journal: Int32, deadLetters: Int32) -> Bool {
        2 * Int(journal) + Int(deadLetters) <= mostNumbers
    }

    /// The text.
    var text: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32 + counters.count * 4)
        Varint.put(UInt64(bitPattern: firstOffset), &bytes)
        Varint.put(UInt64(bitPattern: reached.microseconds), &bytes)
        Varint.put(UInt64(bitPattern: newest.microseconds), &bytes)
        Varint.put(isAtEnd ? 1 : 0, &bytes)
        for counter in counters { Varint.put(counter, &bytes) }
        var text = "1 " + Base64.text(bytes)
        if !owner.isEmpty, text.utf8.count + 3 + owner.utf8.count <= Self.mostBytes {
            text += " " + owner + " @"
            if let stable, text.utf8.count + stable.text.utf8.count <= Self.mostBytes {
                text += stable.text
            }
        }
        return text
    }

    /// What a text holds; nil where it is none of ours.
    init?(_ text: String, partitions: Int) {
        let words = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count >= 2, words[0] == "1", let bytes = Base64.bytes(words[1]),
            let values = Varint.values(bytes), values.count == 4 + partitions, values[3] <= 1
        else { return nil }
        firstOffset = Int64(bitPattern: values[0])
        reached = Instant(microseconds: Int64(bitPattern: values[1]))
        newest = Instant(microseconds: Int64(bitPattern: values[2]))
        isAtEnd = values[3] == 1
        counters = Array(values.dropFirst(4))
        guard words.count == 3 else { return }
        // A worker's name may have spaces.
        var rest = words[2].split(separator: " ", omittingEmptySubsequences: false)
        if rest.count > 1, let last = rest.last, last.first == "@" {
            if last.count > 1 {
                guard let stable = StableOffsets(String(last.dropFirst())) else { return nil }
                self.stable = stable
            }
            rest.removeLast()
        }
        owner = rest.joined(separator: " ")
    }

    /// Whether it counts the same, whatever else was known of the log.
    func isEqual(to other: SourceMetadata?) -> Bool {
        var other = other
        other?.stable = stable
        return self == other
    }

    init(firstOffset: Int64, partitions: Int) {
        self.firstOffset = firstOffset
        reached = .distantPast
        newest = .distantPast
        counters = Array(repeating: 0, count: partitions)
    }
}
