import CommandLineKit
import Foundation
import Testing

/// What a program of the system prints for the script on its standard input, or nil when the
/// program is not installed here.
private func output(of program: String, _ arguments: [String], script: String) throws -> String? {
    let places = ["/usr/bin/", "/bin/", "/usr/local/bin/"].map { $0 + program }
    guard let path = places.first(where: FileManager.default.isExecutableFile) else { return nil }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    process.standardError = output
    try process.run()
    input.fileHandleForWriting.write(Data(script.utf8))
    try input.fileHandleForWriting.close()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
}

/// A line that is typed until its end, and what the shell must and must not offer there.
struct Typed: CustomTestStringConvertible {
    let line: String
    let offered: [String]
    let notOffered: [String]
    var testDescription: String { line }

    init(_ line: String, offers offered: [String], not notOffered: [String] = []) {
        self.line = line
        self.offered = offered
        self.notOffered = notOffered
    }

    static let all = [
        Typed("", offers: ["run", "topics", "completions", "--help"], not: ["plan", "manual"]),
        Typed("to", offers: ["topics"], not: ["run"]),
        Typed("topics ", offers: ["plan"], not: ["run"]),
        Typed("--no-color topics p", offers: ["plan"]),
        Typed(
            "topics plan --",
            offers: ["--format", "--cluster", "--no-color", "--config"],
            not: ["--shards", "plan"]
        ),
        Typed("topics plan --format ", offers: ["text", "json", "csv"], not: ["--help"]),
        Typed("topics plan --cluster eu -f j", offers: ["json"], not: ["csv"]),
        Typed("topics plan --format=c", offers: ["csv"], not: ["json"]),
        Typed("completions ", offers: ["bash", "zsh", "fish"]),
        Typed("topics plan --cluster ", offers: [], not: ["--help", "plan", "text"]),
    ]
}

@Suite struct `Completions` {
    @Test(arguments: Typed.all)
    func `of bash offer what may follow`(typed: Typed) throws {
        // bash parts words at the equals sign before it asks.
        let words = typed.line.replacing("=", with: " = ").split(
            separator: " ",
            omittingEmptySubsequences: false
        )
        let quoted = words.map { "'\($0)'" }.joined(separator: " ")
        let script =
            sample.completions(for: .bash) + """
                COMP_WORDS=(diversion-monitor \(quoted)); COMP_CWORD=\(words.count)
                _diversion-monitor; printf '%s\\n' "${COMPREPLY[@]}"
                """
        guard let output = try output(of: "bash", ["--norc"], script: script) else { return }
        check(typed, output.split(separator: "\n").map(String.init))
    }

    @Test(arguments: Typed.all)
    func `of zsh offer what may follow`(typed: Typed) throws {
        let words = typed.line.split(separator: " ", omittingEmptySubsequences: false)
        let quoted = words.map { "'\($0)'" }.joined(separator: " ")
        // zsh's own helpers work only while a person types: these print what they are given.
        let script = """
            compdef() { : }
            compset() { words[CURRENT]=${words[CURRENT]#*=} }
            offer() { local word; for word in "$@"; do
                [[ $word == ${words[CURRENT]}* ]] && print -r -- $word; done }
            compadd() { shift; offer "$@" }
            _describe() { offer ${${(P)2}%%:*} }
            _message() { : }
            _files() { print files $1 }
            \(sample.completions(for: .zsh))
            words=(diversion-monitor \(quoted)); CURRENT=\(words.count + 1)
            _diversion-monitor
            """
        guard let output = try output(of: "zsh", ["-f"], script: script) else { return }
        check(typed, output.split(separator: "\n").map(String.init))
    }

    @Test(arguments: Typed.all)
    func `of fish offer what may follow`(typed: Typed) throws {
        let script =
            sample.completions(for: .fish)
            + "complete -C 'diversion-monitor \(typed.line)'\n"
        guard let output = try output(of: "fish", ["--no-config"], script: script) else { return }
        let offered = output.split(separator: "\n").map {
            String($0.prefix { $0 != "\t" }).replacing("--format=", with: "")
        }
        check(typed, offered, hasDashesOnlyAfterDash: true)
    }

    @Test func `offer files where a path is wanted`() throws {
        let script =
            sample.completions(for: .bash) + """
                cd /usr; COMP_WORDS=(diversion-monitor --config l); COMP_CWORD=2
                _diversion-monitor 2>/dev/null; printf '%s\\n' "${COMPREPLY[@]}"
                """
        guard let output = try output(of: "bash", ["--norc"], script: script) else { return }
        #expect(output.split(separator: "\n").contains("lib"))
    }

    @Test func `are printed by the program itself`() async {
        let run = await run("completions fish")
        #expect(run.output == sample.completions(for: .fish))
        #expect(run.status == .success)
    }

    /// fish offers options only once a dash is typed.
    private func check(_ typed: Typed, _ offered: [String], hasDashesOnlyAfterDash: Bool = false) {
        for word in typed.offered
        where !(hasDashesOnlyAfterDash && typed.line.isEmpty && word.hasPrefix("-")) {
            #expect(offered.contains(word), "\(offered)")
        }
        for word in typed.notOffered {
            #expect(!offered.contains(word), "\(offered)")
        }
    }
}

@Suite struct `The manual page` {
    @Test func `has a part for every command`() async {
        let page = await run("manual").output
        #expect(page.hasPrefix(".TH DIVERSION-MONITOR 1 \"\" \"diversion-monitor 1.2.0\"\n"))
        #expect(page.contains(".SH topics plan\n"))
        #expect(page.contains(".TP\n\\fB\\-\\-partitions NUMBER\\fR\n"))
        #expect(!page.contains("manual\n"))
    }

    @Test func `is what mandoc takes for good style, but for its date`() throws {
        // A date would make two builds of one version differ.
        let page = sample.manualPage()
        guard let output = try output(of: "mandoc", ["-T", "lint"], script: page) else { return }
        let faults = output.split(separator: "\n").filter { !$0.contains("missing date") }
        #expect(faults.isEmpty)
    }
}
