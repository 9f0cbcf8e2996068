internal import CommandLineKit
internal import Ingest
internal import Journal
internal import Wording
internal import YAML

/// The reference tables of a folder, checked.
struct ReferenceFolder {
    /// All rows, in the order in which they are published.
    let publication: ReferencePublication
    /// What works and should be looked at all the same.
    let warnings: [String]

    /// How many rows a table has.
    func rowCount(of table: ReferenceTable) -> Int {
        publication.rows.count { $0.table == table }
    }

    /// Reads all tables. Everything that is wrong in any of them is told at once.
    init(_ folder: String) throws(CommandFailure) {
        guard Files.isFolder(folder) || !Files.exists(folder) else {
            throw CommandFailure(
                "could not read the reference tables in \(folder): it is a file."
                    + " Give the folder that holds them.",
                status: .wrongInput
            )
        }
        var names: [String] = []
        do throws(CommandFailure) {
            names = try Files.names(in: folder, to: "the reference tables in")
        } catch {
            throw CommandFailure(error.description, status: .wrongInput)
        }
        let known = ReferenceTable.allCases.map { $0.name + ".csv" }
        var warnings: [String] = []
        for name in names where name.hasSuffix(".csv") && !known.contains(name) {
            warnings.append(
                "\(Files.path(folder, name)) is no reference table and ignored."
                    + didYouMean(name, among: known.filter { !names.contains($0) })
            )
        }
        if !known.contains(where: names.contains) {
            warnings.append("\(folder) holds none of the reference tables: all are empty.")
        }
        var rows: [ReferenceRow] = []
        var errors: [String] = []
        for table in ReferenceTable.allCases where names.contains(table.name + ".csv") {
            let path = Files.path(folder, table.name + ".csv")
            do throws(CommandFailure) {
                let reading = ReferenceReader.read(table, try Files.read(path), file: path)
                rows += reading.rows
                errors += reading.errors.map(\.description)
                warnings += reading.warnings.map(\.description)
            } catch {
                errors.append(error.description)
            }
        }
        guard errors.isEmpty else {
            let count = errors.count == 1 ? "1 error" : "\(grouped(errors.count)) errors"
            throw CommandFailure(
                "could not use the reference tables in \(folder): \(count).\n"
                    + errors.map { "  \($0)\n" }.joined()
                    + "Correct the rows named and run it again.",
                status: .wrongInput
            )
        }
        publication = ReferencePublication(rows)
        self.warnings = warnings
    }
}

/// The policy of a file, or the shipped one.
enum PolicyFile {
    /// The versions, in the order of the file; the shipped policy where no file is given.
    static func read(_ path: String?) throws(CommandFailure) -> [Policy] {
        guard let path else { return [Policy()] }
        let bytes: [UInt8]
        do throws(CommandFailure) {
            bytes = try Files.read(path, to: "the policy")
        } catch {
            throw CommandFailure(error.description, status: .wrongInput)
        }
        do {
            return try PolicyReader.read(bytes, file: path)
        } catch {
            let lines = error.description.split(separator: "\n").map { "  \($0)\n" }.joined()
            throw CommandFailure(
                "could not use the policy \(path):\n\(lines)Correct the lines named.",
                status: .wrongInput
            )
        }
    }
}
