internal import CommandLineKit

/// How the monitor's commands end, beside success, failure and a wrong command line.
extension ExitStatus {
    /// `topics plan`: the cluster differs from the files.
    static let pendingChanges = Self(2, "the cluster differs from the files")
    /// `journal verify`: something is wrong with the journal.
    static let differs = Self(3, "problems were found; each is told with its place")
    /// Something outside is not there yet, or another instance has taken over: EX_TEMPFAIL.
    static let tryAgain = Self(75, "try again: the cluster is away, or another one took over")
    /// EX_CONFIG, for commands that read reference tables and a policy too.
    static let wrongInput = Self(78, "the settings, the reference tables or the policy are wrong")
}
