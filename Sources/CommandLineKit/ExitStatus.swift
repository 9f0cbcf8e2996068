/// How a program ends: the number its parent sees and what it means.
///
/// The numbers from 64 on are those of `sysexits.h`, which service managers know.
public struct ExitStatus: Sendable, Equatable {
    /// The number.
    public let code: Int32
    /// What it means, as help shows it.
    public let meaning: String

    /// An exit status of the program's own.
    public init(_ code: Int32, _ meaning: String) {
        self.code = code
        self.meaning = meaning
    }

    /// All went well.
    public static let success = Self(0, "all went well")
    /// The command did its work and the answer is no, or it could not finish.
    public static let failure = Self(1, "it could not be done; the message says why")
    /// The command line is wrong: EX_USAGE.
    public static let usage = Self(64, "the command line is wrong")
    /// The settings or the policy are wrong: EX_CONFIG.
    public static let configuration = Self(78, "the settings are wrong")
    /// What every command may end with.
    static let common = [success, failure, usage, configuration]

    /// Two statuses are one when their numbers are.
    public static func == (left: Self, right: Self) -> Bool { left.code == right.code }
}

/// The way a command says that it could not do its work: a message for a person and a status.
///
///     throw CommandFailure("could not read topics/alerts.json: it is missing. …")
public struct CommandFailure: Error, CustomStringConvertible {
    /// What could not be done, why, and what to do.
    public let description: String
    /// The status to end with.
    public let status: ExitStatus

    /// A failure with its message; `status` is `.configuration` for wrong settings.
    public init(_ message: String, status: ExitStatus = .failure) {
        description = message
        self.status = status
    }
}
