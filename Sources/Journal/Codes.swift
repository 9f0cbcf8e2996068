// The lists of values that EVENTS names, each with its text and a stable code for the journal's bytes.
// A code, once given, is never given to anything else.

/// A list of the contract: a text for the world, a code for the journal.
public protocol ContractCode: RawRepresentable, CaseIterable, Sendable where RawValue == UInt8 {
    /// As the contract writes it.
    var text: StaticString { get }
}

extension ContractCode {
    /// The value that `bytes` write exactly, or nil where the list has none.
    public init?(utf8 bytes: some Collection<UInt8>) {
        for value in Self.allCases {
            let text = value.text
            if text.utf8CodeUnitCount == bytes.count,
                text.withUTF8Buffer({ unsafe $0.elementsEqual(bytes) })
            {
                self = value
                return
            }
        }
        return nil
    }

    /// The text as a `String`, for messages.
    public var name: String { text.withUTF8Buffer { unsafe String(decoding: $0, as: UTF8.self) } }
}

/// `event_type` of a source event.
@frozen
public enum EventType: UInt8, ContractCode, BitwiseCopyable {
    case encounter = 16
    case dispense = 17
    case claim = 18
    case purchase = 19
    case disposition = 20
    case adjustment = 21

    public var text: StaticString {
        switch self {
        case .encounter: "encounter"
        case .dispense: "dispense"
        case .claim: "claim"
        case .purchase: "purchase"
        case .disposition: "disposition"
        case .adjustment: "adjustment"
        }
    }
}

/// HL7 v3 ActEncounterCode of an encounter.
@frozen
public enum EncounterClass: UInt8, ContractCode, BitwiseCopyable {
    case ambulatory, emergency, inpatient, acute, nonAcute, observation, shortStay, virtual
    case home, field, preAdmission

    public var text: StaticString {
        switch self {
        case .ambulatory: "AMB"
        case .emergency: "EMER"
        case .inpatient: "IMP"
        case .acute: "ACUTE"
        case .nonAcute: "NONAC"
        case .observation: "OBSENC"
        case .shortStay: "SS"
        case .virtual: "VR"
        case .home: "HH"
        case .field: "FLD"
        case .preAdmission: "PRENC"
        }
    }
}

/// `status` of an encounter.
@frozen
public enum EncounterStatus: UInt8, ContractCode, BitwiseCopyable {
    case planned, inProgress, finished, cancelled

    public var text: StaticString {
        switch self {
        case .planned: "planned"
        case .inProgress: "in-progress"
        case .finished: "finished"
        case .cancelled: "cancelled"
        }
    }
}

/// `status` of a dispense.
@frozen
public enum DispenseStatus: UInt8, ContractCode, BitwiseCopyable {
    case completed, returned

    public var text: StaticString {
        switch self {
        case .completed: "completed"
        case .returned: "returned"
        }
    }
}

/// `setting` of a dispense: over the counter, or given in a clinic or ward.
@frozen
public enum DispenseSetting: UInt8, ContractCode, BitwiseCopyable {
    case retail, administered

    public var text: StaticString {
        switch self {
        case .retail: "retail"
        case .administered: "administered"
        }
    }
}

/// `payment` of a dispense.
@frozen
public enum Payment: UInt8, ContractCode, BitwiseCopyable {
    case insured, cash

    public var text: StaticString {
        switch self {
        case .insured: "insured"
        case .cash: "cash"
        }
    }
}

/// NCPDP 343-HD dispensing status: a partial fill and its completion.
@frozen
public enum DispensingStatus: UInt8, ContractCode, BitwiseCopyable {
    case partial, completion

    public var text: StaticString {
        switch self {
        case .partial: "P"
        case .completion: "C"
        }
    }
}

/// NCPDP billing unit, 600-28.
@frozen
public enum BillingUnit: UInt8, ContractCode, BitwiseCopyable {
    case each, milliliter, gram

    public var text: StaticString {
        switch self {
        case .each: "EA"
        case .milliliter: "ML"
        case .gram: "GM"
        }
    }
}

/// NCPDP transaction code of a claim, 103-A3.
@frozen
public enum ClaimTransaction: UInt8, ContractCode, BitwiseCopyable {
    case billing, reversal, rebill

    public var text: StaticString {
        switch self {
        case .billing: "B1"
        case .reversal: "B2"
        case .rebill: "B3"
        }
    }
}

/// `status` of a claim after adjudication.
@frozen
public enum ClaimStatus: UInt8, ContractCode, BitwiseCopyable {
    case paid, rejected

    public var text: StaticString {
        switch self {
        case .paid: "paid"
        case .rejected: "rejected"
        }
    }
}

/// A wholesaler account: at which price a package was or will be bought.
@frozen
public enum Account: UInt8, ContractCode, BitwiseCopyable {
    case discounted = 0
    case groupPurchasing = 1
    case wholesale = 2

    public var text: StaticString {
        switch self {
        case .discounted: "340B"
        case .groupPurchasing: "GPO"
        case .wholesale: "WAC"
        }
    }
}

/// `decision` of a disposition.
@frozen
public enum DispositionDecision: UInt8, ContractCode, BitwiseCopyable {
    case acknowledged, confirmed, falsePositive, approved, rejected

    public var text: StaticString {
        switch self {
        case .acknowledged: "acknowledged"
        case .confirmed: "confirmed"
        case .falsePositive: "false_positive"
        case .approved: "approved"
        case .rejected: "rejected"
        }
    }
}

/// `reason` of an adjustment.
@frozen
public enum AdjustmentReason: UInt8, ContractCode, BitwiseCopyable {
    case openingBalance, count, waste, ndcTransfer, correction

    public var text: StaticString {
        switch self {
        case .openingBalance: "opening_balance"
        case .count: "count"
        case .waste: "waste"
        case .ndcTransfer: "ndc_transfer"
        case .correction: "correction"
        }
    }
}
