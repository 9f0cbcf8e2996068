internal import CYAML

/// libyaml's parser with one owner: the next event of the bytes, or why there is none.
///
/// This file alone speaks C. What leaves it are values that are ours.
@safe struct EventReader: ~Copyable {
    /// The kinds of events we tell apart.
    enum Kind {
        case alias
        case scalar(String, Node.Style)
        case sequenceStart
        case mappingStart
        case end
        case streamEnd
        /// The start of the stream or of a document.
        case start
    }

    /// What makes a value more than it looks.
    enum Decoration { case alias, anchor, tag }

    struct Event {
        let kind: Kind
        let position: Position
        /// What stands before or for the value and is not taken in plain files.
        let decoration: Decoration?
    }

    struct SyntaxError: Error {
        let position: Position
        let message: String
    }

    // Safe: we alone hold the pointer; it is made in `init` and freed in `deinit`. The bytes are
    // copied, since libyaml reads them for as long as it parses.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let bytes: UnsafeMutableBufferPointer<UInt8>

    init(_ source: [UInt8]) {
        unsafe parser = .allocate(capacity: 1)
        unsafe bytes = .allocate(capacity: source.count)
        _ = unsafe bytes.initialize(from: source)
        let isReady = unsafe yaml_parser_initialize(parser)
        precondition(isReady == 1, "no memory is left for a YAML parser")
        // Without this a file that begins like UTF-16 would be read as UTF-16.
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe bytes.deallocate()
    }

    mutating func next() throws(SyntaxError) -> Event {
        // Safe: libyaml fills the event; we copy what we need before it is deleted.
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw syntaxError() }
        defer { unsafe yaml_event_delete(&event) }
        let position = unsafe Position(event.start_mark)
        var decoration: Decoration?
        let kind: Kind
        switch unsafe event.type {
        case YAML_ALIAS_EVENT:
            kind = .alias
            decoration = .alias
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let text = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let style = unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE ? Node.Style.plain : .quoted
            kind = unsafe .scalar(String(decoding: text, as: UTF8.self), style)
            decoration = unsafe self.decoration(scalar.anchor, scalar.tag)
        case YAML_SEQUENCE_START_EVENT:
            kind = .sequenceStart
            let start = unsafe event.data.sequence_start
            decoration = unsafe self.decoration(start.anchor, start.tag)
        case YAML_MAPPING_START_EVENT:
            kind = .mappingStart
            let start = unsafe event.data.mapping_start
            decoration = unsafe self.decoration(start.anchor, start.tag)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT, YAML_DOCUMENT_END_EVENT:
            kind = .end
        case YAML_STREAM_END_EVENT: kind = .streamEnd
        default: kind = .start
        }
        return Event(kind: kind, position: position, decoration: decoration)
    }

    private func decoration(
        _ anchor: UnsafeMutablePointer<UInt8>?,
        _ tag: UnsafeMutablePointer<UInt8>?
    ) -> Decoration? {
        if unsafe anchor != nil { return .anchor }
        return unsafe tag != nil ? .tag : nil
    }

    private func syntaxError() -> SyntaxError {
        // Safe: `problem` and `context` are nil or constants of the library.
        let state = unsafe parser.pointee
        let problem = unsafe state.problem.map { unsafe String(cString: $0) } ?? "out of memory"
        if unsafe state.error == YAML_READER_ERROR {
            let position = unsafe position(ofByte: state.problem_offset)
            return SyntaxError(position: position, message: sentence(problem, "", at: position))
        }
        let position = unsafe Position(state.problem_mark)
        let start = unsafe Position(state.context_mark)
        var context = ""
        if let words = unsafe state.context, start != position {
            context = unsafe " \(String(cString: words)) from \(start)"
        }
        return SyntaxError(position: position, message: sentence(problem, context, at: position))
    }

    private func sentence(_ problem: String, _ context: String, at position: Position) -> String {
        "could not read the YAML\(context): \(advice(problem, at: position))"
    }

    /// libyaml's words, followed by what a person can do where the words alone do not say it.
    private func advice(_ problem: String, at position: Position) -> String {
        if character(at: position) == "\t" {
            return "a tab stands where YAML takes only spaces. Indent with spaces."
        }
        return switch problem {
        case "mapping values are not allowed in this context":
            "a colon stands where no key can. Put the text in quotes if the colon belongs to it."
        case "could not find expected ':'":
            "a key has no colon. Write it as \"key: value\"."
        case "did not find expected key", "did not find expected '-' indicator":
            "\(problem). Check the indentation and the quotes."
        case "found character that cannot start any token":
            "a value cannot begin with this character. Put it in quotes."
        case "control characters are not allowed":
            "a control character stands here. Delete it."
        default:
            problem.contains("UTF-8") ? "\(problem). Save the file as UTF-8." : "\(problem)."
        }
    }

    private func character(at position: Position) -> Unicode.Scalar? {
        let text = unsafe String(decoding: bytes, as: UTF8.self)
        let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        guard position.line <= lines.count else { return nil }
        return lines[position.line - 1].dropFirst(position.column - 1).first
    }

    private func position(ofByte offset: Int) -> Position {
        let before = unsafe String(decoding: bytes.prefix(offset), as: UTF8.self)
        let lines = before.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        return Position(line: lines.count, column: (lines.last?.count ?? 0) + 1)
    }
}

extension Position {
    /// libyaml counts from 0.
    fileprivate init(_ mark: yaml_mark_t) {
        self.init(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }
}
