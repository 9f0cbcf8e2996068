/// What a topic is for. The raw value is its name unless a setting gives another.
enum TopicRole: String, CaseIterable, Sendable {
    case encounters, dispenses, claims, purchases, dispositions
    case reference, policy, journal, snapshots
    case decisions, alerts, accumulators, replenishments
    case deadLetters = "dead-letters"

    /// The name in settings and files.
    var name: String { rawValue }

    /// Whether events come in here.
    var isSource: Bool {
        switch self {
        case .encounters, .dispenses, .claims, .purchases, .dispositions: true
        case .reference, .policy, .journal, .snapshots: false
        case .decisions, .alerts, .accumulators, .replenishments, .deadLetters: false
        }
    }

    /// Whether it has as many partitions as the journal.
    var followsJournal: Bool {
        switch self {
        case .journal, .snapshots: true
        case .decisions, .alerts, .accumulators, .replenishments: true
        case .encounters, .dispenses, .claims, .purchases, .dispositions: false
        case .reference, .policy, .deadLetters: false
        }
    }

    /// What the setting `topics.NAME` says, without its full stop.
    var settingHelp: String {
        switch self {
        case .encounters: "Topics that encounters come from"
        case .dispenses: "Topics that dispenses come from"
        case .claims: "Topics that claims come from"
        case .purchases: "Topics that purchases come from"
        case .dispositions: "Topics that people's decisions and adjustments come from"
        case .reference: "Topic of the reference tables, see \"reference publish\""
        case .policy: "Topic of the policy, see \"policy publish\""
        case .journal: "Topic of the journal, the one ordered record of all that was read"
        case .snapshots: "Topic of the state that shortens a restart"
        case .decisions: "Topic of the decisions about fills"
        case .alerts: "Topic of the alerts"
        case .accumulators: "Topic of the accumulators' increments and decrements"
        case .replenishments: "Topic of the packages that are due"
        case .deadLetters: "Topic of the records that could not be used, with their bytes"
        }
    }
}
