internal import Journal

/// One list of the contract: where ``ContractCodes`` holds it.
struct CodeList<Code: ContractCode>: BitwiseCopyable {
    let index: Int
}

/// All lists that an event's fields are checked against, their texts as words: a value is found by comparing numbers.
@safe
struct ContractCodes: ~Copyable {
    private struct Entry: BitwiseCopyable {
        var first: UInt64
        var last: UInt64
        /// 0 behind a list's end.
        var count: UInt32
        var code: UInt8
    }
    /// Entries of one list, at least one of them the end.
    private static var stride: Int { 16 }
    private static var listCount: Int { 13 }

    private let entries: UnsafeMutablePointer<Entry>

    static var eventTypes: CodeList<EventType> { .init(index: 0) }
    static var encounterClasses: CodeList<EncounterClass> { .init(index: 1) }
    static var encounterStatuses: CodeList<EncounterStatus> { .init(index: 2) }
    static var dispenseStatuses: CodeList<DispenseStatus> { .init(index: 3) }
    static var settings: CodeList<DispenseSetting> { .init(index: 4) }
    static var payments: CodeList<Payment> { .init(index: 5) }
    static var dispensingStatuses: CodeList<DispensingStatus> { .init(index: 6) }
    static var units: CodeList<BillingUnit> { .init(index: 7) }
    static var transactions: CodeList<ClaimTransaction> { .init(index: 8) }
    static var claimStatuses: CodeList<ClaimStatus> { .init(index: 9) }
    static var accounts: CodeList<Account> { .init(index: 10) }
    static var decisions: CodeList<DispositionDecision> { .init(index: 11) }
    static var reasons: CodeList<AdjustmentReason> { .init(index: 12) }

    init() {
        let size = ContractCodes.stride * ContractCodes.listCount
        unsafe entries = UnsafeMutablePointer<Entry>.allocate(capacity: size)
        unsafe entries.initialize(
            repeating: Entry(first: 0, last: 0, count: 0, code: 0),
            count: size
        )
        fill(ContractCodes.eventTypes)
        fill(ContractCodes.encounterClasses)
        fill(ContractCodes.encounterStatuses)
        fill(ContractCodes.dispenseStatuses)
        fill(ContractCodes.settings)
        fill(ContractCodes.payments)
        fill(ContractCodes.dispensingStatuses)
        fill(ContractCodes.units)
        fill(ContractCodes.transactions)
        fill(ContractCodes.claimStatuses)
        fill(ContractCodes.accounts)
        fill(ContractCodes.decisions)
        fill(ContractCodes.reasons)
    }

    deinit { unsafe entries.deallocate() }

    private func fill<Code: ContractCode>(_ list: CodeList<Code>) {
        let scratch = Scratch(capacity: 64)
        precondition(Code.allCases.count < ContractCodes.stride, "a list fits its place")
        for (index, code) in Code.allCases.enumerated() {
            let text = Array(code.name.utf8)
            precondition(text.count <= 16, "a code of the contract fits two words")
            scratch.put(text, at: 0)
            let (first, last) = ContractCodes.words(scratch, at: 0, count: text.count)
            unsafe entries[list.index * ContractCodes.stride + index] = Entry(
                first: first,
                last: last,
                count: UInt32(text.count),
                code: code.rawValue
            )
        }
    }

    @inline(__always)
    private static func words(
        _ scratch: borrowing Scratch,
        at place: Int,
        count: Int
    ) -> (UInt64, UInt64) {
        (
            scratch.word(place) & Scratch.mask(count),
            count > 8 ? scratch.word(place + count - 8) : 0
        )
    }

    /// The value of a list that the `count` bytes at `place` write, or nil.
    @inline(__always)
    func code<Code: ContractCode>(
        _ list: CodeList<Code>,
        _ scratch: borrowing Scratch,
        at place: Int,
        count: Int
    ) -> Code? {
        guard count > 0, count <= 16 else { return nil }
        let (first, last) = ContractCodes.words(scratch, at: place, count: count)
        // Every list ends with an entry of no bytes.
        var entry = unsafe entries + list.index * ContractCodes.stride
        while unsafe entry.pointee.count != 0 {
            if unsafe entry.pointee.first == first, unsafe entry.pointee.last == last,
                unsafe Int(entry.pointee.count) == count
            {
                return unsafe Code(rawValue: entry.pointee.code)
            }
            unsafe entry += 1
        }
        return nil
    }
}
