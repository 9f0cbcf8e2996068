import Foundation

/// A drug as it is bought: one row of `products.csv`, and how much of it one fill gives.
struct Product {
    var name: String
    var ndc: String
    var description: String
    var unit: String
    var packageSize: String
    var labeler: String
    var fillQuantity: String
    var isOrphan: Bool
    var fairPriceFrom: String

    /// With the dashes of the package: 5-4-2.
    var dashed: String { "\(ndc.prefix(5))-\(ndc.dropFirst(5).prefix(4))-\(ndc.suffix(2))" }

    /// The products of a table: a line each, columns between bars in the order of the properties; the last two may be missing.
    static func rows(_ table: String) -> [Product] {
        table.split(separator: "\n").map { line in
            var columns = line.split(separator: "|", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
            precondition(columns.count >= 7, "a product has seven columns or more: \(line)")
            columns += Array(repeating: "", count: 9 - columns.count)
            return Product(
                name: columns[0],
                ndc: columns[1],
                description: columns[2],
                unit: columns[3],
                packageSize: columns[4],
                labeler: columns[5],
                fillQuantity: columns[6],
                isOrphan: columns[7] == "orphan",
                fairPriceFrom: columns[8]
            )
        }
    }
}
