/// The values in force, each with where it was given.
///
/// A value is asked for by its key. To ask for a key that was not declared, or for a number where
/// text was declared, is a bug and stops the program with a sentence.
public struct EffectiveSettings: Sendable {
    /// A value in force.
    public struct Entry: Sendable {
        /// The dotted key.
        public let key: String
        /// The value.
        public let value: SettingValue
        /// Where it was given.
        public let origin: Origin
        /// The file a secret was read from.
        public var secretFile: String?
        /// The open prefix the key belongs to.
        public var prefix: String?
    }

    /// The declared settings in their order, then the open ones by name.
    public let entries: [Entry]
    private let schema: SettingsSchema
    private let places: [String: Int]

    init(entries: [Entry], schema: SettingsSchema) {
        self.entries = entries
        self.schema = schema
        places = Dictionary(uniqueKeysWithValues: zip(entries.map(\.key), entries.indices))
    }

    /// The entry of a key, nil when it is unset.
    public func entry(_ key: String) -> Entry? { places[key].map { entries[$0] } }

    /// The text, path or word of a key that is required or has a default.
    public func string(_ key: String) -> String { demand(stringIfSet(key), key) }
    /// The number of a key that is required or has a default.
    public func integer(_ key: String) -> Int { demand(integerIfSet(key), key) }
    /// The duration of a key that is required or has a default.
    public func duration(_ key: String) -> Duration { demand(durationIfSet(key), key) }
    /// The secret of a key that is required.
    public func secret(_ key: String) -> Secret { demand(secretIfSet(key), key) }

    /// The boolean of a key that is required or has a default.
    public func bool(_ key: String) -> Bool {
        demand(
            value(key).map { if case .bool(let isTrue) = $0 { isTrue } else { wrong(key) } },
            key
        )
    }

    /// The texts of a key; none when it is unset.
    public func strings(_ key: String) -> [String] {
        value(key).map { if case .strings(let texts) = $0 { texts } else { wrong(key) } } ?? []
    }

    /// The text, path or word of a key, nil when it is unset.
    public func stringIfSet(_ key: String) -> String? {
        value(key).map { if case .string(let text) = $0 { text } else { wrong(key) } }
    }

    /// The number of a key, nil when it is unset.
    public func integerIfSet(_ key: String) -> Int? {
        value(key).map { if case .integer(let number) = $0 { number } else { wrong(key) } }
    }

    /// The duration of a key, nil when it is unset.
    public func durationIfSet(_ key: String) -> Duration? {
        value(key).map { if case .duration(let duration) = $0 { duration } else { wrong(key) } }
    }

    /// The secret of a key, nil when it is unset.
    public func secretIfSet(_ key: String) -> Secret? {
        value(key).map { if case .secret(let secret) = $0 { secret } else { wrong(key) } }
    }

    /// What was given under an open prefix, without it: of `kafka.consumer.` the pair
    /// `("fetch.min.bytes", "1")`. A longer open prefix keeps its own.
    public func open(_ prefix: String) -> [(name: String, value: SettingValue)] {
        precondition(
            schema.openPrefixes.contains { $0.prefix == prefix },
            "\(prefix) is not declared as an open prefix"
        )
        return entries.filter { $0.prefix == prefix }.map {
            (String($0.key.dropFirst(prefix.count)), $0.value)
        }
    }

    /// The table of `config show`: key, value, origin; secrets as `***`.
    public func table() -> String {
        let unset = schema.settings.filter { places[$0.key] == nil }.map(\.key)
        let rows =
            [("key", "value", "origin")]
            + entries.map { entry in
                let file = entry.secretFile.map { " (read from \($0))" } ?? ""
                return (entry.key, entry.value.description, entry.origin.description + file)
            } + unset.map { ($0, "not set", "") }
        let keys = rows.map(\.0.count).max() ?? 0
        // One long value must not push every origin off the screen.
        let values = min(rows.map(\.1.count).max() ?? 0, 40)
        return rows.map { key, value, origin in
            let line = key.padded(to: keys) + "  " + value.padded(to: values) + "  " + origin
            return String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
        }.joined()
    }

    private func value(_ key: String) -> SettingValue? {
        precondition(
            schema.settings.contains { $0.key == key },
            "\(key) is not declared as a setting"
        )
        return entry(key)?.value
    }

    private func wrong(_ key: String) -> Never {
        preconditionFailure("\(key) is declared as another kind of setting")
    }

    private func demand<Wanted>(_ value: Wanted?, _ key: String) -> Wanted {
        guard let value else {
            preconditionFailure("\(key) is neither required nor has it a default; ask IfSet")
        }
        return value
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
