internal import Ingest
internal import Kafka

extension RedriveMark {
    /// The mark of a source record; nil where it was never sent again.
    init?(_ message: borrowing Message) {
        guard let attempt = message.header(Self.attemptHeader) else { return nil }
        let letter = message.header(Self.letterHeader)
        let origin = message.header(Self.originHeader)
        self.init { name in
            switch name {
            case Self.attemptHeader: attempt
            case Self.letterHeader: letter
            default: origin
            }
        }
    }
}
