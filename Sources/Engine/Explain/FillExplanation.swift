/// What a machine says about a fill to a person who asks, as it stands behind the record that was folded last.
public struct FillExplanation: Sendable {
    /// One JSON object: the fill, the policy, its dispenses, claims and visits, and each rule with verdict and values.
    public let json: [UInt8]
    /// The fill's last decision: the one that these facts belong to.
    public let decisionID: String
    /// Journal offsets of the records that the facts come from, rising.
    public let offsets: [Int64]
}
