import Foundation
import Testing

/// Help, completions and the manual page, over all commands there are.
@Suite struct HelpTests {
    /// Every command by its words, read from help itself.
    private static func commands(_ path: [String] = []) throws -> [[String]] {
        let help = try Monitor.run(["help"] + path).output
        guard let start = help.range(of: "Commands:\n") else { return [path] }
        var found: [[String]] = [path]
        for line in help[start.upperBound...].split(
            separator: "\n",
            omittingEmptySubsequences: false
        ) {
            guard line.hasPrefix("  ") else { break }
            // A wrapped meaning is indented further than a command's name.
            guard !line.hasPrefix("   "), let name = line.split(separator: " ").first else {
                continue
            }
            found += try commands(path + [String(name)])
        }
        return found
    }

    @Test("The help of every command reads as it did: help/*.txt, written anew by UPDATE_HELP=1")
    func helpSnapshots() throws {
        let folder = Monitor.path("Tests/CommandTests/help")
        let update = ProcessInfo.processInfo.environment["UPDATE_HELP"] == "1"
        if update {
            try? FileManager.default.removeItem(atPath: folder)
            try FileManager.default.createDirectory(
                atPath: folder,
                withIntermediateDirectories: true
            )
        }
        let commands = try Self.commands()
        #expect(commands.count > 20)
        var names: Set<String> = []
        for path in commands {
            let name = (path.isEmpty ? ["diversion-monitor"] : path).joined(separator: "-") + ".txt"
            names.insert(name)
            let help = try Monitor.run(path + ["--help"])
            #expect(help.status == 0, "\(help.errors)")
            #expect(help.output.contains("Usage: "), "\(name)")
            if update {
                try help.output.write(
                    toFile: "\(folder)/\(name)",
                    atomically: false,
                    encoding: .utf8
                )
            } else {
                let kept = try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
                #expect(kept == help.output, "\(name) differs")
            }
        }
        let kept = Set(try FileManager.default.contentsOfDirectory(atPath: folder))
        #expect(kept == names)
    }

    @Test("Every command's help names its exit codes and examples")
    func helpIsComplete() throws {
        for path in try Self.commands() where !path.isEmpty {
            let help = try Monitor.run(path + ["--help"]).output
            #expect(help.contains("Exit codes:") || help.contains("Commands:"), "\(path)")
        }
        let run = try Monitor.run("score", "--help").output
        for code in ["0 ", "1 ", "64 ", "78 "] { #expect(run.contains("\n  \(code)")) }
    }

    @Test("bash takes the completion script and completes with it")
    func completesInBash() throws {
        let folder = try Folder()
        let script = try Monitor.run("completions", "bash")
        #expect(script.status == 0)
        try folder.write(
            script.output + """

                COMP_WORDS=(diversion-monitor topics pl) COMP_CWORD=2
                _diversion-monitor 2>/dev/null || $(complete -p diversion-monitor \\
                    | sed 's/.*-F \\([^ ]*\\).*/\\1/')
                echo "${COMPREPLY[@]}"
                """,
            to: "try.bash"
        )
        let bash = Process()
        bash.executableURL = URL(fileURLWithPath: "/bin/bash")
        bash.arguments = [folder.path("try.bash")]
        let pipe = Pipe()
        bash.standardOutput = pipe
        try bash.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        bash.waitUntilExit()
        #expect(bash.terminationStatus == 0)
        #expect(String(decoding: output, as: UTF8.self).contains("plan"))
    }

    @Test("The version is told in one line")
    func version() throws {
        let run = try Monitor.run("--version")
        #expect(run.status == 0)
        #expect(run.output.hasPrefix("diversion-monitor ") && run.output.hasSuffix("\n"))
    }
}
