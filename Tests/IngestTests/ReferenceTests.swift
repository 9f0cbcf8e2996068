import Foundation
import Ingest
import Journal
import Testing

@Suite struct `A reference file` {
    @Test(arguments: Stories.files("reference-files"))
    func `is rows or faults with their places, as the stories tell`(file: String) throws {
        try Stories.tell(file) { given in
            let name = given[0]
            guard let table = ReferenceReader.table(fileName: name) else { return ["no table"] }
            let text = given.dropFirst().map { $0 == "(empty line)" ? "" : $0 }
                .joined(separator: "\n")
            let reading = ReferenceReader.read(table, Stories.bytes(text), file: name)
            let rows = reading.rows.map { row in
                "row: "
                    + row.values.map { $0.replacing("\n", with: "\\n") }.joined(separator: " | ")
            }
            return reading.errors.map { "error: \($0)" } + reading.warnings.map { "warning: \($0)" }
                + rows
        }
    }

    @Test func `is part of a publication whose hash a shell can make`() {
        let site = ReferenceRow(
            table: .sites,
            values: ["S1", "DSH1", "a \"b\", c", "2020-01-01", ""]
        )
        let entity = ReferenceRow(
            table: .coveredEntities,
            values: ["DSH1", "DSH", "x", "NY", "carve_in", "carve_in", "2020-01-01", ""]
        )
        let publication = ReferencePublication([site, entity])
        #expect(publication.rows == [entity, site])
        let text =
            "covered_entities,DSH1,DSH,x,NY,carve_in,carve_in,2020-01-01,\n"
            + "sites,S1,DSH1,\"a \"\"b\"\", c\",2020-01-01,\n"
        #expect(publication.digest == SHA256.hash(Array(text.utf8)))
        #expect(publication.rowCount == 2)
    }
}
