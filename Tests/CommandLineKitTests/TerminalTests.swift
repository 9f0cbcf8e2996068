import CommandLineKit
import Foundation
import Synchronization
import Testing

/// A pseudo-terminal of 132 columns: its two ends. Linux's own calls, since those of POSIX are
/// hidden from Swift.
private func openTerminal() throws -> (master: FileHandle, slave: Int32) {
    let (getNumber, setLock): (UInt, UInt) = (0x8004_5430, 0x4004_5431)
    let master = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    var number: UInt32 = 0
    var isLocked: Int32 = 0
    try #require(ioctl(master, getNumber, &number) == 0)
    try #require(ioctl(master, setLock, &isLocked) == 0)
    let slave = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
    var size = winsize(ws_row: 40, ws_col: 132, ws_xpixel: 0, ws_ypixel: 0)
    try #require(ioctl(slave, UInt(TIOCSWINSZ), &size) == 0)
    return (FileHandle(fileDescriptor: master, closeOnDealloc: true), slave)
}

@Suite struct `A sink` {
    @Test func `on a terminal knows its width and may be coloured`() throws {
        let (master, slave) = try openTerminal()
        defer { close(slave) }
        let sink = Sink.descriptor(slave, environment: ["TERM": "xterm"])
        #expect(sink.isTerminal)
        #expect(sink.isColoured)
        #expect(sink.width == 132)
        sink.write(sink.styled("done", .green))
        #expect(String(decoding: master.availableData, as: UTF8.self) == "\u{1B}[32mdone\u{1B}[0m")
    }

    @Test(arguments: [
        (["NO_COLOR": "1"], false), (["NO_COLOR": ""], true), (["TERM": "dumb"], false),
        ([:], true),
    ])
    func `honours NO_COLOR`(environment: [String: String], isColoured: Bool) throws {
        let (master, slave) = try openTerminal()
        defer { close(slave) }
        // The terminal lives as long as its master.
        withExtendedLifetime(master) {
            #expect(Sink.descriptor(slave, environment: environment).isColoured == isColoured)
        }
    }

    @Test func `on a pipe has 80 columns, no colours and all of the text`() throws {
        let pipe = Pipe()
        let sink = Sink.descriptor(pipe.fileHandleForWriting.fileDescriptor, environment: [:])
        #expect(!sink.isTerminal)
        #expect(sink.width == 80)
        sink.print(sink.styled("plain", .red))
        sink.write("")
        try pipe.fileHandleForWriting.close()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        #expect(String(decoding: data, as: UTF8.self) == "plain\n")
    }
}

/// A clock that a test sets.
private final class Clock: Sendable {
    let milliseconds = Mutex(0)
    var now: Duration { .milliseconds(milliseconds.withLock { $0 }) }
    func set(_ value: Int) { milliseconds.withLock { $0 = value } }
}

@Suite struct `Progress on a terminal` {
    private let clock = Clock()
    private let collector = Collector()

    private func sink(isTerminal: Bool = true, width: Int = 80) -> Sink {
        let collector = collector
        return Sink(isTerminal: isTerminal, width: width) { text in
            collector.output.withLock { $0 += text }
        }
    }

    /// What was drawn, one drawing a line.
    private var drawings: [String] {
        collector.output.withLock { $0 }.replacing("\u{1B}[K", with: "").split(separator: "\r").map(
            String.init
        )
    }

    @Test func `tells share, count, rate and what is left`() {
        let clock = clock
        var progress = ProgressLine(of: "events", total: 3_000_000, on: sink()) { clock.now }
        clock.set(1_524)
        progress.update(1_234_567)
        clock.set(3_600)
        progress.finish(3_000_000)
        #expect(
            drawings == [
                "41 % 1,234,567 events 810,083/s 00:03 left",
                "100 % 3,000,000 events 833,333/s in 00:03\n",
            ]
        )
    }

    @Test func `tells no share when nobody knows the total`() {
        let clock = clock
        var progress = ProgressLine(of: "records", on: sink()) { clock.now }
        progress.update(0)
        clock.set(4_000_000)
        progress.update(8_000)
        progress.finish(8_000)
        #expect(
            drawings == [
                "0 records 0/s", "8,000 records 2/s", "8,000 records 2/s in 01:06:40\n",
            ]
        )
    }

    @Test func `is drawn at most ten times a second`() {
        let clock = clock
        var progress = ProgressLine(of: "events", total: 5_000, on: sink()) { clock.now }
        for millisecond in 0..<1_000 {
            clock.set(millisecond)
            progress.update(millisecond)
        }
        #expect(drawings.count == 10)
    }

    @Test func `never wraps a line it could not draw over`() {
        let clock = clock
        var progress = ProgressLine(of: "events", total: 10, on: sink(width: 12)) { clock.now }
        clock.set(1_000)
        progress.update(5)
        #expect(drawings == ["50 % 5 even"])
    }

    @Test func `is silent where nobody watches`() {
        let clock = clock
        var progress = ProgressLine(of: "events", total: 10, on: sink(isTerminal: false)) {
            clock.now
        }
        progress.update(5)
        progress.finish(10)
        #expect(drawings == [])
    }
}
