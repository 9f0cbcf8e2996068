internal import Glibc

/// Where a program writes: results to `output`, messages to `errors`.
public struct Terminal: Sendable {
    /// For results, which may be piped to another program.
    public let output: Sink
    /// For messages and progress.
    public let errors: Sink

    /// A terminal of two sinks.
    public init(output: Sink, errors: Sink) {
        self.output = output
        self.errors = errors
    }

    /// The process's standard output and standard error.
    public static func standard(environment: [String: String]) -> Self {
        Self(
            output: .descriptor(1, environment: environment),
            errors: .descriptor(2, environment: environment)
        )
    }
}

/// One stream of text, and what its reader can show.
public struct Sink: Sendable {
    /// Whether a person is watching: only then do we draw progress.
    public let isTerminal: Bool
    /// Whether to colour: on a terminal, unless NO_COLOR is set or the terminal is dumb.
    public let isColoured: Bool
    /// The characters a line holds.
    public let width: Int
    private let body: @Sendable (String) -> Void

    /// A sink that hands its text to `write`; a test collects it.
    public init(
        isTerminal: Bool = false,
        isColoured: Bool = false,
        width: Int = 80,
        write: @escaping @Sendable (String) -> Void
    ) {
        self.isTerminal = isTerminal
        self.isColoured = isColoured
        self.width = width
        body = write
    }

    /// An open file descriptor. Each `write` is one call to the system, so that text of several
    /// processes mixes by whole writes; what is printed by the million is better joined first.
    public static func descriptor(_ number: Int32, environment: [String: String]) -> Self {
        let isTerminal = isatty(number) == 1
        return Self(
            isTerminal: isTerminal,
            isColoured: isTerminal && allowsColour(environment),
            width: isTerminal ? columns(of: number) ?? 80 : 80
        ) { text in
            writeAll(Array(text.utf8), to: number)
        }
    }

    /// Writes the text as it is.
    public func write(_ text: String) { body(text) }

    /// Writes the text and a line end.
    public func print(_ line: String) { body(line + "\n") }

    /// The text in a style, if this sink is coloured.
    public func styled(_ text: String, _ style: Style) -> String {
        isColoured ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }
}

/// How text stands out.
public enum Style: Int, Sendable {
    /// Headings.
    case bold = 1
    /// What matters less.
    case dim = 2
    /// What went wrong.
    case red = 31
    /// What went well.
    case green = 32
    /// What needs a look.
    case yellow = 33
    /// What to type.
    case cyan = 36
}

/// By https://no-color.org: NO_COLOR counts when it is set and not empty.
func allowsColour(_ environment: [String: String]) -> Bool {
    environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
}

private func columns(of descriptor: Int32) -> Int? {
    var size = winsize()
    // Safe: TIOCGWINSZ fills exactly one `winsize`, which outlives the call.
    guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
        return nil
    }
    return Int(size.ws_col)
}

private func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
    var start = 0
    while start < bytes.count {
        // Safe: the pointer is used during the call only, and for the bytes the buffer has.
        let written = unsafe bytes[start...].withUnsafeBytes { buffer in
            unsafe Glibc.write(descriptor, buffer.baseAddress, buffer.count)
        }
        if written < 0, errno == EINTR { continue }
        // A reader that went away cannot be told; its own exit says so.
        guard written > 0 else { return }
        start += written
    }
}
