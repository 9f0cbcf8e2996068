internal import Engine

/// What is committed beside a journal partition's offset, in the same transaction as the outputs: what the state was
/// there. A fold that comes to another one must not write.
///
/// As text: `1 RECORDS SEQUENCE,SEQUENCE,SEQUENCE,SEQUENCE HASH`, and behind it, where there are snapshots, where they
/// stand, the newest first: ` START:OFFSET:SLOT,START:OFFSET:SLOT`.
struct Receipt: Equatable {
    /// Records folded.
    var records: Int64 = 0
    /// Next `sequence`, by output topic.
    var sequences: [Int64] = OutputTopic.allCases.map { _ in 0 }
    /// Of all bytes of all outputs, by topic, in order; but for the value of `state_hash`, which says how this version lays
    /// out its state: another layout alone must not stop those who go on with these outputs.
    private var hashes: [UInt64] = OutputTopic.allCases.map { _ in 0 }

    /// The receipt of nothing.
    init() {}

    /// The text; ASCII, far below the broker's 4096 bytes.
    var text: String {
        "1 \(records) " + sequences.map(String.init).joined(separator: ",") + " "
            + String(hashes.reduce(0) { $0 &* 31 &+ $1 }, radix: 16)
    }

    /// The sequences that a text holds; nil where it is none.
    static func sequences(in text: String) -> [Int64]? {
        let words = text.split(separator: " ")
        guard words.count == 4 || words.count == 5, words[0] == "1" else { return nil }
        let numbers = words[2].split(separator: ",").compactMap { Int64($0) }
        return numbers.count == OutputTopic.allCases.count ? numbers : nil
    }

    /// The text without the places of snapshots: what must be equal.
    static func state(in text: String) -> Substring {
        let words = text.split(separator: " ")
        guard words.count == 5 else { return text[...] }
        return text[..<words[3].endIndex]
    }

    /// The snapshots that a text names, the newest first.
    static func snapshots(in text: String) -> [SnapshotPlace] {
        let words = text.split(separator: " ")
        guard words.count == 5, words[0] == "1" else { return [] }
        return words[4].split(separator: ",").compactMap { place in
            let parts = place.split(separator: ":")
            guard parts.count >= 2, let start = Int64(parts[0]), let offset = Int64(parts[1])
            else { return nil }
            let slot = parts.count > 2 ? SnapshotSlot(name: parts[2]) : nil
            return SnapshotPlace(start: start, offset: offset, slot: slot)
        }
    }

    // MARK: in a snapshot

    /// Everything, so that a receipt goes on from a restored state: `RECORDS SEQUENCE,… HASH,…`.
    var wholeText: String {
        "\(records) " + sequences.map(String.init).joined(separator: ",") + " "
            + hashes.map { String($0, radix: 16) }.joined(separator: ",")
    }

    /// The receipt that such a text holds; nil where it is none.
    init?(wholeText text: String) {
        let words = text.split(separator: " ")
        guard words.count == 3, let records = Int64(words[0]) else { return nil }
        let numbers = words[1].split(separator: ",").compactMap { Int64($0) }
        let hashes = words[2].split(separator: ",").compactMap { UInt64($0, radix: 16) }
        guard numbers.count == sequences.count, hashes.count == numbers.count else { return nil }
        self.records = records
        sequences = numbers
        self.hashes = hashes
    }

    /// Takes what stands in a machine's buffers.
    mutating func add(_ machine: borrowing Machine) {
        records = machine.nextRecordNumber
        for topic in 0..<sequences.count {
            let buffer = machine.outputs[topic]
            sequences[topic] += Int64(buffer.count)
            for index in 0..<buffer.count {
                unsafe add(buffer.value(at: index), to: topic)
            }
        }
    }

    /// Takes one record of an output topic.
    @unsafe mutating func add(_ value: UnsafeRawBufferPointer, to topic: Int) {
        let counted =
            unsafe topic == Int(OutputTopic.decisions.rawValue)
            ? StateHashField(of: value)?.rest ?? value : value
        unsafe hashes[topic] = Self.hash(counted, hashes[topic])
    }

    /// Mixes a record into a hash: eight bytes a step in two lanes, as a fault finder, not against an adversary.
    private static func hash(_ bytes: UnsafeRawBufferPointer, _ seed: UInt64) -> UInt64 {
        let first: UInt64 = 0x9E37_79B9_7F4A_7C15
        let second: UInt64 = 0xC2B2_AE3D_27D4_EB4F
        var a = seed &+ first
        var b = seed ^ UInt64(bytes.count) &* second
        var place = 0
        while place + 16 <= bytes.count {
            // Sixteen bytes inside the buffer.
            let left = unsafe bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            let right = unsafe bytes.loadUnaligned(fromByteOffset: place + 8, as: UInt64.self)
            a = (a ^ left) &* first
            b = (b ^ right) &* second
            a = a << 31 | a >> 33
            b = b << 29 | b >> 35
            place += 16
        }
        while place < bytes.count {
            let byte = unsafe bytes[place]
            a = (a ^ UInt64(byte)) &* first
            a = a << 31 | a >> 33
            place += 1
        }
        let mixed = (a ^ b >> 32) &* second &+ b
        return mixed ^ mixed >> 29
    }
}
