internal import CommandLineKit
internal import Ingest
internal import Journal

/// `policy`: the numbers, lists, owners and severities that the rules judge by.
enum PolicyCommand {
    static let command = Command(
        "policy",
        "Check, show and publish the policy",
        subcommands: [check, show]
    )

    private static let check = Command(
        "check",
        "Tell everything that is wrong with a policy",
        arguments: [.required("FILE", .file, "The policy")],
        examples: [Example("Before it is published", "diversion-monitor policy check policy.yaml")],
        exitStatuses: [.wrongInput]
    ) { invocation in
        let path = invocation.string("FILE")
        let policies = try PolicyFile.read(path)
        for policy in policies {
            invocation.terminal.output.print("\(path): version \(policy.version), \(span(policy))")
        }
        return .success
    }

    private static let show = Command(
        "show",
        "Print a policy with every value it leaves to the shipped one",
        discussion: """
            What is printed can be read back: it is the same policy with nothing left out. Without \
            a file the shipped policy is printed.
            """,
        arguments: [.optional("FILE", .file, "The policy")],
        options: [.value("version", .text, "Only the version of this name")],
        exitStatuses: [.wrongInput]
    ) { invocation in
        let policies = try PolicyFile.read(invocation.stringIfGiven("FILE"))
        let wanted = invocation.stringIfGiven("version")
        let shown = policies.filter { wanted == nil || $0.version == wanted }
        guard !shown.isEmpty else {
            throw CommandFailure(
                "could not show version \(wanted ?? ""): the policy has"
                    + " \(policies.map(\.version).joined(separator: ", ")). Name one of them."
            )
        }
        let texts = shown.map { PolicyWriter.text($0) }
        invocation.terminal.output.write(texts.joined(separator: "---\n"))
        return .success
    }

    private static func span(_ policy: Policy) -> String {
        switch (policy.effectiveFrom.text, policy.effectiveTo.text) {
        case ("", ""): "always in force"
        case (let from, ""): "in force from \(from)"
        case ("", let to): "in force to \(to)"
        case (let from, let to): "in force from \(from) to \(to)"
        }
    }
}
