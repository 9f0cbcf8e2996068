import Engine
import Journal

/// Versions of a policy that begin and end within some days of March 2025 and later, and what the contract says of a day.
enum PolicyTimeline {
    /// A version, which is in force from the beginning where it is the first, else from one of these days on.
    static func version(_ number: Int, beginningOn days: ClosedRange<Int>, _ chance: inout Chance)
        -> Policy
    {
        var policy = Policy()
        policy.version = "v\(number)"
        guard number > 0 else { return policy }
        policy.effectiveFrom = date(chance.number(days))
        if chance.happens(40) {
            policy.effectiveTo = policy.effectiveFrom.adding(days: Int32(chance.number(0...60)))
        }
        return policy
    }

    /// Of several versions in force the one that begins last, of equal ones the last (SEMANTICS 34).
    static func inForce(_ policies: [Policy], on day: Int) -> Policy {
        let date = date(day)
        return policies.dropFirst().reduce(policies[0]) { best, one in
            one.effectiveFrom <= date && date <= one.effectiveTo
                && one.effectiveFrom >= best.effectiveFrom ? one : best
        }
    }

    /// A record that touches nothing and brings time forward to a minute.
    static func tick(_ minute: Int) -> String {
        SmallWorld.last.replacing("\"last\"", with: "\"tick\(minute)\"")
            .replacing("2025-06-01T00:00:00Z", with: SmallWorld.time(minute))
    }

    private static func date(_ day: Int) -> CivilDate {
        CivilDate(text: SmallWorld.date(day)) ?? .distantPast
    }
}
