internal import CommandLineKit
internal import Ingest
internal import Journal
internal import Kafka

/// `policy`: the numbers, lists, owners and severities that the rules judge by.
enum PolicyCommand {
    static let command = Command(
        "policy",
        "Check, show and publish the policy",
        subcommands: [check, show, publish]
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
            a file the shipped policy is printed, and with --published what a cluster has.
            """,
        arguments: [.optional("FILE", .file, "The policy")],
        options: [
            .value("version", .text, "Only the version of this name"),
            .flag("published", "The versions that are published on the cluster"),
        ] + MonitorSettings.options(.kafka, .topics),
        openPrefixes: MonitorSettings.openPrefixes,
        exitStatuses: [.wrongInput, .tryAgain]
    ) { invocation in
        let policies: [Policy]
        if invocation.flag("published") {
            let settings = try MonitorSettings(invocation, .kafka, .topics, needs: [.kafka])
            policies = try Publishing.policies(
                settings.name(of: .policy),
                settings.client(.consumer)
            )
            guard !policies.isEmpty else {
                throw CommandFailure(
                    "could not show a policy: none is published, and the shipped one is in force."
                        + " Publish one with \"diversion-monitor policy publish\"."
                )
            }
        } else {
            policies = try PolicyFile.read(invocation.stringIfGiven("FILE"))
        }
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

    private static let publish = Command(
        "publish",
        "Publish the versions of a policy that are new or changed",
        discussion: """
            Decisions that a version touches are made again; each names the version it used. A \
            version that is published again under its name replaces the one before. \
            horizon_days is fixed by the journal's first record: publish the policy before the \
            first "run" where another value than the shipped one is wanted.
            """,
        arguments: [.required("FILE", .file, "The policy")],
        options: [.flag("dry-run", short: "n", "Show what would be published")]
            + MonitorSettings.options(.kafka, .topics),
        openPrefixes: MonitorSettings.openPrefixes,
        exitStatuses: [.wrongInput, .tryAgain]
    ) { invocation in
        let settings = try MonitorSettings(invocation, .kafka, .topics, needs: [.kafka])
        let path = invocation.string("FILE")
        let policies = try PolicyFile.read(path)
        let name = settings.name(of: .policy)
        let present = try Publishing.policies(name, settings.client(.consumer))
        let output = invocation.terminal.output
        let changed = policies.filter { !present.contains($0) }
        guard !changed.isEmpty else {
            output.print("nothing to publish: \(name) has these versions")
            return .success
        }
        for policy in changed {
            let isNew = !present.contains { $0.version == policy.version }
            output.print(
                "version \(policy.version): \(isNew ? "new" : "changed"), \(span(policy))"
            )
        }
        if invocation.flag("dry-run") { return .success }
        // Whole versions, so that a later change of what is shipped changes nothing in them.
        let text = changed.map { PolicyWriter.text($0) }.joined(separator: "---\n")
        let key = changed.map(\.version).joined(separator: ",")
        try Publishing.send(
            [(Array(key.utf8), Array(text.utf8))],
            to: name,
            settings.client(.producer)
        )
        output.print("published to \(name)")
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
