import Engine
import Ingest
import Journal
import Pipeline
#if canImport(Glibc)
import Glibc
#endif
func csv(_ path: String) -> [[String]] {
    guard let f = unsafe fopen(path, "r") else { return [] }
    var text = [UInt8](); var b = [UInt8](repeating: 0, count: 65536)
    while true { let n = unsafe fread(&b, 1, 65536, f); if n == 0 { break }; text += b[0..<n] }
    var rows: [[String]] = [], row: [String] = [], cell: [UInt8] = [], q = false
    var i = 0
    while i < text.count { let c = text[i]
        if q { if c == 34 { if i+1 < text.count, text[i+1] == 34 { cell.append(34); i += 1 } else { q = false } } else { cell.append(c) } }
        else if c == 34 { q = true } else if c == 44 { row.append(String(decoding: cell, as: UTF8.self)); cell = [] }
        else if c == 10 { row.append(String(decoding: cell, as: UTF8.self)); cell = []; rows.append(row); row = [] } else if c != 13 { cell.append(c) }
        i += 1 }
    return rows
}
var rows: [ReferenceRow] = []
let a = CommandLine.arguments
let ref = a[3], out = a[5]
for t in ReferenceTable.allCases {
    let all = csv(ref + "/" + t.name + ".csv"); guard let h = all.first else { continue }
    for r in all.dropFirst() { rows.append(ReferenceRow(table: t, values: t.columns.map { c in h.firstIndex(of: c).map { r[$0] } ?? "" })) }
}
let o = FileScoreOptions(reference: rows, referenceDigest: [], policies: [Policy()], inputs: Array(a[6...]), output: out, tokenizer: Tokenizer(.published))
do { let r = try FileScore(o).run(); print(r) } catch { print("could not", error); exit(1) }
