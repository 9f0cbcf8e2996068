/// Reads CSV by RFC 4180, one row at a time.
///
/// Rows end with LF or CRLF; the last may lack its end. A byte order mark at the start and lines without a byte are
/// nothing. A field that holds a comma, a quote or a line end stands between quotes, a quote in it is doubled. After
/// a fault reading goes on with the next line, so that all faults of a file are found at once.
struct CSVReader {
    /// One field, and where it begins.
    struct Field {
        /// As written, without its quotes.
        var text: String
        /// Line, from 1.
        var line: Int
        /// First byte of the field, and of its line.
        var place: Int
        var lineStart: Int
    }

    /// What can't be read.
    struct Fault: Error {
        var message: String
        var line: Int
        var place: Int
        var lineStart: Int
    }

    enum Step {
        case row
        case fault(Fault)
        case end
    }

    private let bytes: [UInt8]
    private var place = 0
    private var line = 1
    private var lineStart = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            place = 3
            lineStart = 3
        }
    }

    /// The column of a place in its line, from 1, counted in characters of Unicode.
    func column(_ place: Int, lineStart: Int) -> Int {
        1 + bytes[lineStart..<max(place, lineStart)].reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
    }

    /// Reads the next row's fields.
    mutating func next(_ fields: inout [Field]) -> Step {
        fields.removeAll(keepingCapacity: true)
        while place < bytes.count, let end = lineEnd(at: place) { startLine(at: end) }
        guard place < bytes.count else { return .end }
        do {
            while true {
                let isLast = try readField(&fields)
                if isLast { return .row }
            }
        } catch {
            while place < bytes.count, bytes[place] != 0x0A { place += 1 }
            if place < bytes.count { startLine(at: place + 1) }
            return .fault(error)
        }
    }

    /// The place behind a line end at `place`, or nil where there is none.
    private func lineEnd(at place: Int) -> Int? {
        if bytes[place] == 0x0A { return place + 1 }
        if bytes[place] == 0x0D, place + 1 < bytes.count, bytes[place + 1] == 0x0A {
            return place + 2
        }
        return nil
    }

    private mutating func startLine(at place: Int) {
        self.place = place
        line += 1
        lineStart = place
    }

    private func fault(_ message: String) -> Fault {
        Fault(message: message, line: line, place: place, lineStart: lineStart)
    }

    /// Reads one field and the comma or line end behind it; whether it was the row's last.
    private mutating func readField(_ fields: inout [Field]) throws(Fault) -> Bool {
        let start = fault("its text is no UTF-8. Save the file as UTF-8.")
        let text: String?
        if place < bytes.count, bytes[place] == UInt8(ascii: "\"") {
            text = String(validating: try quotedBytes(), as: UTF8.self)
        } else {
            let first = place
            try skipPlain()
            text = String(validating: bytes[first..<place], as: UTF8.self)
        }
        guard let text else { throw start }
        fields.append(
            Field(text: text, line: start.line, place: start.place, lineStart: start.lineStart)
        )
        guard place < bytes.count else { return true }
        if bytes[place] == UInt8(ascii: ",") {
            place += 1
            return false
        }
        guard let end = lineEnd(at: place) else {
            throw fault(
                "something follows the closing quote of a field. Double a quote that belongs to it."
            )
        }
        startLine(at: end)
        return true
    }

    /// To the comma or line end behind a field without quotes.
    private mutating func skipPlain() throws(Fault) {
        while place < bytes.count {
            let byte = bytes[place]
            if byte == UInt8(ascii: ",") || lineEnd(at: place) != nil { return }
            if byte == UInt8(ascii: "\"") {
                throw fault(
                    "a quote stands inside a field without quotes. Put the field between quotes and double it."
                )
            }
            if byte < 0x20, byte != 0x09 {
                throw fault("a control character stands in a field. Delete it.")
            }
            place += 1
        }
    }

    /// What stands between quotes, doubled ones made single.
    private mutating func quotedBytes() throws(Fault) -> [UInt8] {
        let open = fault("a quote opens a field and is never closed. Close it.")
        var content: [UInt8] = []
        place += 1
        while place < bytes.count {
            let byte = bytes[place]
            if byte == UInt8(ascii: "\"") {
                guard place + 1 < bytes.count, bytes[place + 1] == byte else {
                    place += 1
                    return content
                }
                place += 1
            } else if byte < 0x20, byte != 0x09, byte != 0x0A, byte != 0x0D {
                throw fault("a control character stands in a field. Delete it.")
            }
            content.append(byte)
            if byte == 0x0A { startLine(at: place + 1) } else { place += 1 }
        }
        throw open
    }
}
