/// Readable names for NPIs, NDCs and payers: `dr-lee`, `main-pharmacy`, `plain`, `medicaid-ffs`.
///
/// `world/aliases.csv` gives them; they may stand wherever the value may, in the world's tables too.
struct ScenarioAliases: Sendable {
    private var values: [String: String] = [:]
    private var names: [String: String] = [:]

    init(csv: String) {
        for line in csv.split(whereSeparator: \.isNewline).dropFirst() {
            let cells = line.split(separator: ",", omittingEmptySubsequences: false)
            values[String(cells[0])] = String(cells[1])
            names[String(cells[1])] = String(cells[0])
        }
    }

    func value(_ name: some StringProtocol) -> String { values[String(name)] ?? String(name) }
    func name(_ value: String) -> String { names[value] ?? value }

    func resolve(csv: String) -> String {
        csv.split(separator: "\n").map(resolve(row:)).joined(separator: "\n") + "\n"
    }

    /// The tables of the world have no quoted cells.
    func resolve(row: some StringProtocol) -> String {
        row.split(separator: ",", omittingEmptySubsequences: false)
            .map { value($0) }.joined(separator: ",")
    }
}

/// The columns that make a row's key, as the contract gives them; the first columns of each table.
enum ReferenceTable {
    private static let keys: [String: [Int]] = [
        "covered_entities.csv": [0, 6], "sites.csv": [0, 1, 3], "providers.csv": [0, 1, 2, 3],
        "pharmacies.csv": [0, 1, 4], "products.csv": [0], "payers.csv": [0, 1, 2],
        "restrictions.csv": [0, 1, 2, 3], "designations.csv": [0, 1, 2, 3],
    ]

    /// The table with the row put in, or in the place of the one with the same key.
    static func publish(row: String, in table: String, named file: String) -> String? {
        guard let others = others(than: row, in: table, named: file) else { return nil }
        return (others + [row]).joined(separator: "\n") + "\n"
    }

    /// The table without the row of the same key.
    static func withdraw(row: String, in table: String, named file: String) -> String? {
        guard let others = others(than: row, in: table, named: file) else { return nil }
        return others.joined(separator: "\n") + "\n"
    }

    private static func others(than row: String, in table: String, named file: String) -> [String]?
    {
        guard let columns = keys[file], let key = key(of: row, columns) else { return nil }
        return table.split(separator: "\n").map(String.init).filter {
            self.key(of: $0, columns) != key
        }
    }

    private static func key(of row: String, _ columns: [Int]) -> [Substring]? {
        let cells = row.split(separator: ",", omittingEmptySubsequences: false)
        guard cells.count > columns.max() ?? 0 else { return nil }
        return columns.map { cells[$0] }
    }
}
