import Ingest
import Journal
import Testing

/// The records of the reference topic.
@Suite struct ReferenceTopicTests {
    private let annex = ReferenceRow(
        table: .sites,
        values: ["DSH1-A", "DSH1", "Annex, \"east\"", "2020-01-01", ""]
    )
    private let drug = ReferenceRow(
        table: .products,
        values: ["00093005801", "Drug", "EA", "100", "Teva", "0", ""]
    )

    @Test func `a row comes back as it went`() throws {
        for row in [annex, drug] {
            let record = ReferenceTopic.record(row)
            #expect(String(decoding: record.key, as: UTF8.self) == row.key)
            #expect(try ReferenceTopic.read(key: record.key, value: record.value) == .put(row))
            let gone = ReferenceTopic.withdrawal(of: row)
            #expect(try ReferenceTopic.read(key: gone.key, value: gone.value) == .withdraw(row.key))
            let withdrawn = try #require(ReferenceTopic.withdrawnRow(key: row.key))
            #expect(withdrawn.key == row.key)
            #expect(withdrawn.isWithdrawn)
        }
    }

    @Test func `a completion names all rows, whatever their order`() throws {
        let there = ReferenceTopic.completion(of: [annex, drug])
        #expect(there == ReferenceTopic.completion(of: [drug, annex]))
        let (count, digest) = ReferenceTopic.summary(of: [annex, drug])
        #expect(
            try ReferenceTopic.read(key: there.key, value: there.value)
                == .complete(rowCount: count, digest: SHA256.hex(digest))
        )
        #expect(count == 2)
    }

    @Test func `a publication sends what changed`() {
        var moved = annex
        moved.values[2] = "Annex"
        let records = ReferenceTopic.publication(of: [moved], after: [annex, drug])
        #expect(
            records == [
                ReferenceTopic.record(moved), ReferenceTopic.withdrawal(of: drug),
                ReferenceTopic.completion(of: [moved]),
            ]
        )
    }

    @Test func `what is none of ours is refused`() {
        func refuse(_ key: String, _ value: String?) {
            #expect(throws: ReferenceLineFault.self) {
                try ReferenceTopic.read(key: Array(key.utf8), value: value.map { Array($0.utf8) })
            }
        }
        refuse("sites\u{1F}X", "sites,DSH1-A,DSH1,Annex,2020-01-01,")
        refuse("complete", nil)
        refuse("complete", "{\"rows\":-1,\"sha256\":\"\"}")
        refuse("complete", "{\"rows\":1,\"sha256\":\"\(String(repeating: "g", count: 64))\"}")
        refuse("complete", "{\"rows\":1}")
        refuse("towers\u{1F}X", "towers,X")
        #expect(ReferenceTopic.withdrawnRow(key: "sites\u{1F}X") == nil)
        #expect(ReferenceTopic.withdrawnRow(key: "") == nil)
    }
}
