import Journal
import TestKit
import Testing

@testable import Engine

/// A feed that falls silent (SEMANTICS 36): one alert, graces for visits that stand still for a bounded time, nothing else.
struct FeedTests {
    /// Weeks of one entity's traffic, hour by hour: in office hours three visits, three dispenses and a claim.
    private struct Traffic {
        var lines: [(hour: Int, line: String)] = []
        /// The first visit's hour that is missing, and the first that is there again.
        init(
            days: Int,
            visitsStop: Int = .max,
            visitsGoOn: Int = .max,
            allStop: Int = .max,
            allGoOn: Int = .max
        ) {
            for hour in 0..<days * 24 {
                guard hour % 24 >= 8, hour % 24 < 18, hour / 24 % 7 < 5 else { continue }
                if hour >= allStop, hour < allGoOn { continue }
                for number in 0..<3 {
                    let id = "\(hour)-\(number)"
                    let time = SmallWorld.time(hour * 60 + number * 20 + 5)
                    if !(hour >= visitsStop && hour < visitsGoOn) {
                        lines.append(
                            (hour, JournalTests.encounter("E\(id)", at: time, patient: "P\(id)"))
                        )
                    }
                    let later = SmallWorld.time(hour * 60 + number * 20 + 10)
                    lines.append(
                        (
                            hour,
                            JournalTests.dispense(
                                "D\(id)",
                                at: later,
                                patient: "P\(id)",
                                cash: number != 1
                            )
                        )
                    )
                    if number == 1 {
                        let last = SmallWorld.time(hour * 60 + number * 20 + 15)
                        lines.append(
                            (hour, JournalTests.claim("C\(id)", of: "D\(id)", at: last))
                        )
                    }
                }
            }
        }
    }

    private func fold(_ traffic: Traffic, policy: Policy = Policy()) throws -> [String: [String]] {
        var run = try MachineRun(tables: Tables.csv, policies: [policy])
        for (_, line) in traffic.lines { try run.record(line) }
        return [
            "alerts": run.machine.lines(.alerts), "decisions": run.machine.lines(.decisions),
        ]
    }

    private func feedAlerts(_ outputs: [String: [String]]) -> [String] {
        outputs["alerts", default: []].filter { $0.contains("\"rule\":\"feed_silent\"") }
    }

    private func missing(_ outputs: [String: [String]]) -> [String] {
        outputs["alerts", default: []].filter { $0.contains("\"rule\":\"encounter_missing\"") }
    }

    /// Monday of the sixth week, eight o'clock.
    private let monday = 35 * 24 + 8

    @Test func `nights and week-ends are no silence`() throws {
        let outputs = try fold(Traffic(days: 60))
        #expect(feedAlerts(outputs).isEmpty)
        #expect(missing(outputs).isEmpty)
    }

    @Test func `a visit feed that stops for two days opens one alert and no false one`() throws {
        // Thirty visits a day: the twenty-fifth is missing on Monday afternoon, before the first grace ends.
        let outputs = try fold(
            Traffic(days: 45, visitsStop: monday, visitsGoOn: monday + 48)
        )
        let feeds = feedAlerts(outputs)
        try #require(feeds.count == 2)
        #expect(feeds[0].contains("\"state\":\"opened\""))
        #expect(
            feeds[0].contains(
                "\"subject\":{\"kind\":\"series\",\"scope\":\"entity\",\"measure\":\"encounter\"}"
            )
        )
        #expect(feeds[1].contains("\"state\":\"resolved\""))
        #expect(feeds[1].contains("\"resolution\":\"facts_changed\""))
        let first = outputs["alerts", default: []].first ?? ""
        #expect(first == feeds[0], "the feed's alert comes before any about a fill")
        // Fills of Monday, whose visits never came: their grace ran out after the feed was back.
        let late = missing(outputs)
        #expect(!late.isEmpty)
        #expect(late.allSatisfy { !$0.contains("silent_feed") })
    }

    @Test func `the graces stand still for three days at most, and then the alerts name the feed`()
        throws
    {
        let outputs = try fold(Traffic(days: 60, visitsStop: monday))
        let feeds = feedAlerts(outputs)
        try #require(feeds.count == 1)
        let opened = missing(outputs).filter { $0.contains("\"state\":\"opened\"") }
        #expect(!opened.isEmpty)
        #expect(opened.contains { $0.contains("\"silent_feed\":\"encounter\"") })
        // Monday's first fill would have alerted on Tuesday at eight: three days later it is Friday.
        let held = opened.filter { $0.contains("\"silent_feed\"") }
        let times = held.compactMap { $0.split(separator: "\"event_time\":\"").last?.prefix(10) }
        #expect(times.allSatisfy { $0 >= SmallWorld.date(35 + 4)[...] }, "\(times.prefix(3))")
    }

    @Test func `a holiday of the whole entity is no silence, nor is the first record after it`()
        throws
    {
        let outputs = try fold(
            Traffic(days: 60, allStop: monday, allGoOn: monday + 7 * 24)
        )
        #expect(feedAlerts(outputs).isEmpty)
    }

    @Test func `in the first four weeks no feed is judged`() throws {
        let outputs = try fold(Traffic(days: 27, visitsStop: 14 * 24))
        #expect(feedAlerts(outputs).isEmpty)
    }

    @Test func `where the rule is switched off, nothing is held`() throws {
        var policy = Policy()
        policy[.feedSilent].isEnabled = false
        let outputs = try fold(Traffic(days: 45, visitsStop: monday), policy: policy)
        #expect(feedAlerts(outputs).isEmpty)
        #expect(missing(outputs).allSatisfy { !$0.contains("silent_feed") })
        #expect(!missing(outputs).isEmpty)
    }

    // MARK: the profile

    @Test func `a profile expects what the same hours of four weeks delivered`() {
        var profile = FeedProfile()
        let hour = FeedProfile.hour
        for week in 0..<4 {
            for minute in 0..<6 {
                profile.add(at: (Int64(week) * 168 + 9) * hour + Int64(minute) * hour / 6)
            }
        }
        let next = Int64(4 * 168) * hour
        #expect(profile.expectedTimesFour(from: next, to: next + 9 * hour) == 0)
        #expect(profile.expectedTimesFour(from: next, to: next + 10 * hour) == 24)
        #expect(profile.expectedTimesFour(from: next, to: next + 9 * hour + hour / 2) == 12)
        #expect(profile.moment(of: 3, after: next) == next + 9 * hour + hour / 2)
        #expect(profile.moment(of: 6, after: next) == next + 10 * hour)
        // Seven of them need the next week.
        #expect(profile.moment(of: 7, after: next) == next + (168 + 9) * hour + hour / 6)
        #expect(profile.moment(of: 100, after: next) == .max)
    }

    @Test func `holds lengthen a grace by what they overlap`() {
        let hold = Hold(from: 100, to: 150)
        #expect(hold.end(of: 90, since: 0) == 90)
        #expect(hold.end(of: 120, since: 0) == 170)
        #expect(hold.end(of: 160, since: 120) == 190)
        #expect(hold.end(of: 260, since: 160) == 260)
        #expect(Hold().end(of: 260, since: 160) == 260)
    }
}
