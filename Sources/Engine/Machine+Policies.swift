internal import Journal

// Versions of the policy: which of them counts for a date, and what they say of rules and codes (SEMANTICS 34).

extension Machine {
    /// Takes a policy version into force and decides again what it may touch.
    mutating func adopt(_ policy: Policy) {
        // What is a stay may be another thing from now on.
        crowds.removeAll()
        let compiled = CompiledPolicy(policy)
        if let place = policies.firstIndex(where: { $0.policy.version == policy.version }) {
            guard policies[place].policy != policy else { return }
            // It is the one published last now: of equal beginnings it counts.
            policies.remove(at: place)
            numbers.remove(at: place)
            isMarked.remove(at: place)
        }
        policies.append(compiled)
        var plain = plainNumbers(compiled)
        plain.versionText = number(ofFragment: compiled.version)
        for (place, piece) in compiled.pieces.enumerated() {
            let row = PieceRow(
                head: number(ofFragment: piece.severityAndOwner),
                cause: number(ofFragment: piece.rootCause),
                seed: piece.seed
            )
            let number = pieces.insert(row)
            if place == 0 { plain.firstPiece = number }
        }
        numbers.append(plain)
        isMarked.append(marks(of: compiled))
        change = .policy
        redecideAll { _, _ in true }
        settleAccumulators()
        settleFeeds()
        noteDates(of: policy)
    }

    /// The numbers of a version, but for where its texts stand.
    mutating func plainNumbers(_ compiled: CompiledPolicy) -> PolicyNumbers {
        var plain = PolicyNumbers(compiled.policy, &reference.types)
        plain.rules = compiled.undated
        plain.hasDatedRules = compiled.hasDatedRules
        return plain
    }

    /// By number of a set of clarification codes, whether a version's marker is among them.
    func marks(of compiled: CompiledPolicy) -> [Bool] {
        (0..<codeSets.count).map { compiled.isMarked(codeSets.array(UInt32($0))) }
    }

    private mutating func number(ofFragment bytes: [UInt8]) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe fragments.number(of: $0) }
    }

    /// The rules of a version that are judged for something of a date.
    @inline(__always)
    func rulesInForce(_ policy: Int, on date: CivilDate) -> RuleSet {
        if numbers[policy].hasDatedRules { return policies[policy].rulesInForce(on: date) }
        return numbers[policy].rules
    }

    /// What every alert of a rule says.
    @inline(__always)
    func piece(_ policy: Int, _ rule: Rule) -> PieceRow {
        pieces[numbers[policy].firstPiece + UInt32(rule.rawValue)]
    }

    /// The place of the version in force on a date (SEMANTICS 34): of several the one that begins last, of equal
    /// beginnings the one published last; before all of them, the earliest.
    @inline(__always)
    func policy(on date: CivilDate) -> Int {
        if numbers.count == 1 { return 0 }
        var best = -1
        for place in policies.indices
        where numbers[place].effectiveFrom <= date
            && date <= numbers[place].effectiveTo
        {
            if best < 0 || numbers[place].effectiveFrom >= numbers[best].effectiveFrom {
                best = place
            }
        }
        if best >= 0 { return best }
        best = 0
        for place in policies.indices
        where numbers[place].effectiveFrom < numbers[best].effectiveFrom {
            best = place
        }
        return best
    }

    /// So many sets of codes occur nowhere: what comes then is noise, of which only the markers are kept.
    private static let mostCodeSets = 60_000

    /// Number of a set of clarification codes.
    mutating func codeSet(_ bytes: UnsafeRawBufferPointer) -> UInt16 {
        guard codeSets.count < Self.mostCodeSets else {
            let markers = unsafe Array(bytes).split(separator: 0x1F).filter { code in
                policies.contains { $0.isMarked(Array(code)) }
            }
            let set = Array(markers.joined(separator: [0x1F]))
            return unsafe set.withUnsafeBytes { unsafe number(ofCodeSet: $0) }
        }
        return unsafe number(ofCodeSet: bytes)
    }

    private mutating func number(ofCodeSet bytes: UnsafeRawBufferPointer) -> UInt16 {
        let before = codeSets.count
        let number = unsafe codeSets.number(of: bytes)
        if codeSets.count > before {
            for place in policies.indices {
                isMarked[place].append(policies[place].isMarked(codeSets.array(UInt32(before))))
            }
        }
        return UInt16(clamping: number)
    }
}
