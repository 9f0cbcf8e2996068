internal import Journal

// Identifiers in rows: kept in place where they fit, else in `identifiers`; and the removal of rows that have them.

extension Machine {
    @inline(__always)
    func isEqual(_ stored: Identifier, _ incoming: IncomingIdentifier) -> Bool {
        if stored.isLong {
            guard incoming.isLong else { return false }
            return unsafe identifiers.isEqual(stored.longNumber, incoming.bytes)
        }
        return stored.word == incoming.word
    }

    /// Keeps an identifier for a row.
    mutating func keep(_ incoming: IncomingIdentifier) -> Identifier {
        guard incoming.isLong else { return Identifier(word: incoming.word) }
        let number = unsafe identifiers.insert(incoming.bytes)
        // Twenty-eight bits of the hash stay beside the number, so that a row's key can be hashed again.
        return Identifier(
            word: 15 << 60 | (incoming.word >> 32 & 0x0FFF_FFFF) << 32 | UInt64(number)
        )
    }

    mutating func release(_ identifier: Identifier) {
        if identifier.isLong { identifiers.remove(identifier.longNumber) }
    }

    /// The part of an identifier that tables hash: the word, or for a long one what ``keep(_:)`` leaves of its hash.
    @inline(__always)
    static func hashable(_ word: UInt64) -> UInt64 {
        word >> 60 == 15 ? word & 0xFFFF_FFFF_0000_0000 : word
    }

    @inline(__always)
    static func hash(_ entity: UInt32, _ word: UInt64) -> UInt64 {
        Hash.words(hashable(word), UInt64(entity))
    }

    @inline(__always)
    static func fillHash(_ pharmacy: UInt32, _ rx: UInt64, _ number: UInt32) -> UInt64 {
        Hash.words(hashable(rx), UInt64(pharmacy) << 32 | UInt64(number))
    }

    func entity(ofFill fill: UInt32) -> UInt32 {
        reference.pharmacies.rows[fills[fill].pharmacy].entity
    }

    // MARK: texts of numbers

    func text(of identifier: Identifier) -> [UInt8] {
        if identifier.isLong { return identifiers.text(identifier.longNumber) }
        let count = Int(identifier.word >> 60)
        return (0..<count).map {
            Identifier.alphabet[Int(identifier.word >> UInt64(54 - 6 * $0) & 63)]
        }
    }

    /// The text of an entity's or site's name.
    func text(of name: NameRow) -> [UInt8] {
        name.isText
            ? reference.texts.array(UInt32(name.word)) : text(of: Identifier(word: name.word))
    }

    /// The text of an NPI.
    func npiText(_ name: NameRow) -> [UInt8] {
        if name.isText { return reference.texts.array(UInt32(name.word)) }
        return Self.digits(name.word, count: 10)
    }

    func text(ofProduct product: UInt32) -> [UInt8] {
        let row = reference.products[product]
        if row.isText { return reference.texts.array(UInt32(row.word)) }
        return Self.digits(row.word & (1 << 56 - 1), count: Int(row.word >> 56))
    }

    static func digits(_ value: UInt64, count: Int) -> [UInt8] {
        var rest = value
        var result = [UInt8](repeating: 48, count: count)
        for place in stride(from: count - 1, through: 0, by: -1) {
            result[place] = UInt8(48 + rest % 10)
            rest /= 10
        }
        return result
    }

    // MARK: rows that leave

    mutating func removeDispense(_ dispense: UInt32) {
        let row = dispenses[dispense]
        let entity = entity(ofFill: row.fill)
        dispenseIndex.remove(Self.hash(entity, row.id.word), dispense)
        release(row.id)
        dispenses.remove(dispense)
    }

    mutating func removeEncounter(_ encounter: UInt32) {
        let row = encounters[encounter]
        encounterIndex.remove(
            Self.hash(reference.providers.rows[row.provider].entity, row.id.word),
            encounter
        )
        release(row.id)
        encounters.remove(encounter)
    }

    mutating func removeFill(_ fill: UInt32) {
        let row = fills[fill]
        fillIndex.remove(Self.fillHash(row.pharmacy, row.rx.word, row.fillNumber), fill)
        release(row.rx)
        // A freed row is recognised by having nothing.
        fills[fill].firstDispense = 0
        fills[fill].firstClaim = 0
        fills[fill].decided = Decided()
        fills.remove(fill)
    }
}
