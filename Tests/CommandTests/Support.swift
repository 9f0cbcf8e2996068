import Foundation
import TestKit

/// The program as a person runs it: the executable that was built with these tests.
enum Monitor {
    /// Where the executable is: beside the test bundle.
    static let executable: String = {
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        var folder = bundle
        for _ in 0..<4 {
            let path = folder.appendingPathComponent("diversion-monitor").path
            if FileManager.default.isExecutableFile(atPath: path) { return path }
            folder = folder.deletingLastPathComponent()
        }
        return repository.appendingPathComponent(".build/debug/diversion-monitor").path
    }()

    /// The folder of the package.
    static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A file of the package.
    static func path(_ name: String) -> String { repository.appendingPathComponent(name).path }

    /// What a run left behind.
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Runs it to its end.
    static func run(
        _ arguments: String...,
        environment: [String: String] = [:],
        input: String = ""
    ) throws -> Outcome {
        try run(arguments, environment: environment, input: input)
    }

    /// Runs it to its end.
    static func run(
        _ arguments: [String],
        environment: [String: String] = [:],
        input: String = ""
    ) throws -> Outcome {
        let folder = try Folder()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        var variables = ProcessInfo.processInfo.environment.filter {
            !$0.key.hasPrefix("DIVERSION_MONITOR_")
        }
        variables.merge(environment) { $1 }
        process.environment = variables
        // Files, not pipes: nobody has to read while it runs.
        try folder.write(input, to: "in")
        process.standardInput = FileHandle(forReadingAtPath: folder.path("in"))
        for name in ["out", "err"] { try folder.write("", to: name) }
        process.standardOutput = FileHandle(forWritingAtPath: folder.path("out"))
        process.standardError = FileHandle(forWritingAtPath: folder.path("err"))
        try process.run()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus,
            output: try folder.read("out"),
            errors: try folder.read("err")
        )
    }
}

/// The program while it runs.
final class RunningMonitor {
    private let process = Process()
    private let folder: Folder

    /// Starts it.
    init(_ arguments: [String], environment: [String: String] = [:]) throws {
        folder = try Folder()
        process.executableURL = URL(fileURLWithPath: Monitor.executable)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        for name in ["out", "err"] { try folder.write("", to: name) }
        process.standardOutput = FileHandle(forWritingAtPath: folder.path("out"))
        process.standardError = FileHandle(forWritingAtPath: folder.path("err"))
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    deinit { if process.isRunning { killNow() } }

    /// What it has said so far.
    var output: String { (try? folder.read("out")) ?? "" }
    var errors: String { (try? folder.read("err")) ?? "" }
    var isRunning: Bool { process.isRunning }

    /// Ends it at once, as a crash does.
    func killNow() {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    /// Asks it to end; its status. One that does not end within half a minute is killed.
    func stop() -> Int32 {
        process.terminate()
        if !eventually(within: 30, { !process.isRunning }) {
            kill(process.processIdentifier, SIGKILL)
        }
        process.waitUntilExit()
        return process.terminationStatus
    }
}

/// Waits until something holds; false when it took too long.
func eventually(
    within seconds: Double = 60,
    every pause: Double = 0.2,
    _ holds: () throws -> Bool
) rethrows -> Bool {
    let end = Date(timeIntervalSinceNow: seconds)
    while Date() < end {
        if try holds() { return true }
        Thread.sleep(forTimeInterval: pause)
    }
    return false
}

/// A temporary folder that goes with its last owner.
final class Folder: Sendable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory
            .appendingPathComponent("commands-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }

    func write(_ text: String, to name: String) throws {
        let file = url.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try text.write(to: file, atomically: false, encoding: .utf8)
    }

    func read(_ name: String) throws -> String {
        try String(contentsOf: url.appendingPathComponent(name), encoding: .utf8)
    }

    func lines(_ name: String) throws -> [Substring] {
        try read(name).split(separator: "\n")
    }
}
