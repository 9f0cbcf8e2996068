internal import Journal

/// One list of the contract, its texts as words: a value is found by comparing numbers.
@safe
struct CodeList<Code: ContractCode>: ~Copyable {
    private struct Entry: BitwiseCopyable {
        var first: UInt64
        var last: UInt64
        var count: Int
        var code: UInt8
    }
    private let entries: UnsafeMutablePointer<Entry>
    private let size: Int

    init() {
        let scratch = Scratch(capacity: 64)
        size = Code.allCases.count
        unsafe entries = UnsafeMutablePointer<Entry>.allocate(capacity: size)
        for (index, code) in Code.allCases.enumerated() {
            let text = Array(code.name.utf8)
            precondition(text.count <= 16, "a code of the contract fits two words")
            scratch.put(text, at: 0)
            let (first, last) = CodeList.words(scratch, at: 0, count: text.count)
            unsafe (entries + index).initialize(
                to: Entry(first: first, last: last, count: text.count, code: code.rawValue)
            )
        }
    }

    deinit { unsafe entries.deallocate() }

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

    /// The value that the `count` bytes at `place` write, or nil.
    @inline(__always)
    func code(_ scratch: borrowing Scratch, at place: Int, count: Int) -> Code? {
        guard count > 0, count <= 16 else { return nil }
        let (first, last) = CodeList.words(scratch, at: place, count: count)
        for index in 0..<size {
            let entry = unsafe entries + index
            if unsafe entry.pointee.first == first, unsafe entry.pointee.last == last,
                unsafe entry.pointee.count == count
            {
                return unsafe Code(rawValue: entry.pointee.code)
            }
        }
        return nil
    }
}

/// All lists that an event's fields are checked against.
struct ContractCodes: ~Copyable {
    let eventTypes = CodeList<EventType>()
    let encounterClasses = CodeList<EncounterClass>()
    let encounterStatuses = CodeList<EncounterStatus>()
    let dispenseStatuses = CodeList<DispenseStatus>()
    let settings = CodeList<DispenseSetting>()
    let payments = CodeList<Payment>()
    let dispensingStatuses = CodeList<DispensingStatus>()
    let units = CodeList<BillingUnit>()
    let transactions = CodeList<ClaimTransaction>()
    let claimStatuses = CodeList<ClaimStatus>()
    let accounts = CodeList<Account>()
    let decisions = CodeList<DispositionDecision>()
    let reasons = CodeList<AdjustmentReason>()
}
