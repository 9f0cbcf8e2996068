/// An output record's bytes, asked for the few fields that name what it is about.
///
/// Quotes inside of its texts are escaped, so that what is looked for, which has quotes that are not, is found only where
/// it is meant.
struct ExplainedLine {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The bytes from behind `start`, looked for from a place on, to before `end`; nil where they are not there.
    func between(_ start: String, _ end: String, from place: Int = 0) -> [UInt8]? {
        guard let first = Self.place(of: Array(start.utf8), in: bytes, from: place) else {
            return nil
        }
        let begin = first + start.utf8.count
        guard let last = Self.place(of: Array(end.utf8), in: bytes, from: begin) else { return nil }
        return Array(bytes[begin..<last])
    }

    /// Whether these bytes are in it.
    func contains(_ piece: [UInt8]) -> Bool { Self.place(of: piece, in: bytes, from: 0) != nil }

    /// The entity's 340B ID, which has no character that JSON escapes.
    var entity: [UInt8]? { between("{\"covered_entity_id\":\"", "\"") }

    /// What names the fill, from `"pharmacy_npi":` to the end of its number.
    var fillKey: [UInt8]? {
        // An increment names its accumulator before the fill that caused it.
        guard let kind = Self.place(of: Array("{\"kind\":\"fill\"".utf8), in: bytes, from: 0),
            let key = between("\"pharmacy_npi\":", ",\"dispense_id\":", from: kind)
        else { return nil }
        return Array("\"pharmacy_npi\":".utf8) + key
    }

    /// What names the accumulator, from `"pharmacy_npi":` to the end of its account.
    var accumulatorKey: [UInt8]? {
        guard let key = between("\"pharmacy_npi\":", ",\"account\":\""),
            Self.place(of: Array(",\"ndc11\":".utf8), in: key, from: 0) != nil,
            let account = between(",\"account\":\"", "\"")
        else { return nil }
        return Array("\"pharmacy_npi\":".utf8) + key + Array(",\"account\":\"".utf8) + account
            + Array("\"".utf8)
    }

    /// A whole number behind a name.
    func number(_ name: String) -> Int64? {
        guard let first = Self.place(of: Array("\"\(name)\":".utf8), in: bytes, from: 0) else {
            return nil
        }
        let digits = bytes[(first + name.utf8.count + 3)...].prefix { 48...57 ~= $0 }
        return Int64(String(decoding: digits, as: UTF8.self))
    }

    /// Where a piece stands first, from a place on.
    static func place(of piece: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        guard let first = piece.first, bytes.count >= piece.count else { return nil }
        var place = start
        let last = bytes.count - piece.count
        while place <= last {
            if bytes[place] == first, bytes[place..<place + piece.count].elementsEqual(piece) {
                return place
            }
            place += 1
        }
        return nil
    }
}
