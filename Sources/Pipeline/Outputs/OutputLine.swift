/// What of an output record is needed to find its place, read from its bytes.
///
/// Published records may have been written by anybody, so nothing is taken for granted: a part that is not there is nil.
struct OutputLine {
    let entity: [UInt8]?
    let sequence: Int64?
    let partition: Int64?
    let offset: Int64?

    /// Reads the parts that come first in an output record.
    init(_ line: UnsafeRawBufferPointer) {
        // Names of fields can't stand inside the value of an earlier one: a 340B ID has no quotation mark.
        entity = unsafe Self.text(behind: "\"covered_entity_id\":\"", in: line)
        sequence = unsafe Self.number(behind: "\"sequence\":", in: line)
        let journal = unsafe Self.place(behind: "\"journal\":{", in: line)
        let rest = unsafe UnsafeRawBufferPointer(rebasing: line[(journal ?? line.count)...])
        partition = unsafe Self.number(behind: "\"partition\":", in: rest)
        offset = unsafe Self.number(behind: "\"offset\":", in: rest)
    }

    /// Where the first `name` ends; nil where there is none.
    static func place(behind name: StaticString, in line: UnsafeRawBufferPointer) -> Int? {
        let count = name.utf8CodeUnitCount
        let start = unsafe name.utf8Start
        var place = 0
        while place + count <= line.count {
            // As many bytes as the name has are left.
            if unsafe line[place] == start[0] {
                var same = 1
                while same < count, unsafe line[place + same] == start[same] { same += 1 }
                if same == count { return place + count }
            }
            place += 1
        }
        return nil
    }

    private static func number(behind name: StaticString, in line: UnsafeRawBufferPointer) -> Int64?
    {
        guard let first = unsafe place(behind: name, in: line) else { return nil }
        var value: Int64 = 0
        var place = first
        while place < line.count, unsafe line[place] &- 48 < 10, place - first < 18 {
            value = value * 10 + Int64(unsafe line[place] &- 48)
            place += 1
        }
        return place > first ? value : nil
    }

    private static func text(behind name: StaticString, in line: UnsafeRawBufferPointer) -> [UInt8]?
    {
        guard let first = unsafe place(behind: name, in: line) else { return nil }
        var place = first
        while place < line.count, unsafe line[place] != UInt8(ascii: "\"") { place += 1 }
        return unsafe Array(line[first..<place])
    }
}
