/// The most bytes a file may have: a policy of a thousand sites is a tenth of it.
public let largestFile = 4 << 20
/// The most values may stand inside one another; deeper is a mistake or an attack.
public let deepestNesting = 64

/// The documents of a YAML file, which is UTF-8. `file` is its name in messages.
///
/// The YAML is plain: anchors, aliases, tags and merge keys are refused, because who reads a
/// policy must see all of it where it applies. Every refused feature and every key that stands
/// twice is told; a mistake of syntax ends the reading and comes last.
public func parse(_ bytes: [UInt8], file: String) throws(Diagnostics) -> [Node] {
    guard bytes.count <= largestFile else {
        let message = "the file has \(bytes.count) bytes, more than \(largestFile). Split it."
        throw Diagnostics([
            Diagnostic(file: file, position: Position(line: 1, column: 1), message: message)
        ])
    }
    // A byte order mark is no character of the first line; libyaml would count it as one.
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let text = bytes.starts(with: mark) ? Array(bytes.dropFirst(mark.count)) : bytes
    var composer = Composer(events: EventReader(text))
    let documents = composer.documents()
    guard composer.problems.isEmpty else {
        throw Diagnostics(
            composer.problems.map {
                Diagnostic(file: file, position: $0.position, message: $0.message)
            }
        )
    }
    return documents
}

/// Events → nodes.
private struct Composer: ~Copyable {
    var events: EventReader
    var problems: [EventReader.SyntaxError] = []

    init(events: consuming EventReader) { self.events = events }

    mutating func documents() -> [Node] {
        var documents: [Node] = []
        do throws(EventReader.SyntaxError) {
            while true {
                let event = try events.next()
                switch event.kind {
                case .start, .end: continue
                case .streamEnd: return documents
                case .alias, .scalar, .sequenceStart, .mappingStart:
                    documents.append(try node(event, depth: 1))
                }
            }
        } catch {
            problems.append(error)
            return []
        }
    }

    private mutating func node(
        _ event: EventReader.Event,
        depth: Int
    ) throws(EventReader.SyntaxError) -> Node {
        refuse(event)
        guard depth <= deepestNesting else {
            throw .init(
                position: event.position,
                message: "values are nested more than \(deepestNesting) deep. Flatten them."
            )
        }
        switch event.kind {
        case .scalar(let text, let style):
            return Node(.scalar(text, style), at: event.position)
        case .sequenceStart:
            var nodes: [Node] = []
            while let event = try part() { nodes.append(try node(event, depth: depth + 1)) }
            return Node(.sequence(nodes), at: event.position)
        case .mappingStart:
            return Node(.mapping(try pairs(depth: depth)), at: event.position)
        case .alias, .start, .end, .streamEnd:
            // An alias has been refused; its place is kept so that reading can go on.
            return Node(.scalar("", .plain), at: event.position)
        }
    }

    private mutating func pairs(depth: Int) throws(EventReader.SyntaxError) -> [Node.Pair] {
        var pairs: [Node.Pair] = []
        var lines: [String: Int] = [:]
        while let event = try part() {
            let key = try node(event, depth: depth + 1)
            guard let next = try part() else { break }
            let value = try node(next, depth: depth + 1)
            guard case .scalar(let text, let style) = key.content else {
                report("a key must be text, not a list or a mapping.", at: key.position)
                continue
            }
            if text == "<<", style == .plain {
                report("the merge key << is not taken. Write the keys out.", at: key.position)
            } else if let line = lines[text] {
                report(
                    "\"\(text)\" stands twice, first in line \(line). Keep one.",
                    at: key.position
                )
            } else {
                lines[text] = key.position.line
                pairs.append(Node.Pair(key: text, position: key.position, value: value))
            }
        }
        return pairs
    }

    /// The next event of a list or mapping, nil at its end.
    private mutating func part() throws(EventReader.SyntaxError) -> EventReader.Event? {
        let event = try events.next()
        if case .end = event.kind { return nil }
        return event
    }

    /// The names of anchors and aliases are not repeated: a password may begin with * or &.
    private mutating func refuse(_ event: EventReader.Event) {
        let way = "Delete it, or put the text in quotes if it belongs to it."
        switch event.decoration {
        case .alias: report("an alias (*) is not taken. \(way)", at: event.position)
        case .anchor: report("an anchor (&) is not taken. \(way)", at: event.position)
        case .tag: report("a tag (!) is not taken. \(way)", at: event.position)
        case nil: return
        }
    }

    private mutating func report(_ message: String, at position: Position) {
        problems.append(.init(position: position, message: message))
    }
}
