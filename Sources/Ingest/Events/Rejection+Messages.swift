internal import Journal

extension RecordReader {
    /// What a person is told about a fault.
    @inline(never)
    func rejection(for fault: Fault) -> Rejection {
        let field: String
        if let known = Field(rawValue: fault.field) {
            field = known.name
        } else if fault.reason == .duplicateUnknown {
            field = scratch.string(Int(fault.place), count: min(Int(fault.count), 128))
        } else {
            field = ""
        }
        let (code, message, hint) = describe(fault, field)
        return Rejection(
            code: code,
            field: field,
            message: "could not use the record: " + message,
            hint: hint,
            coveredEntityID: readEntity()
        )
    }

    /// The covered entity, where the scan came past it and it is one.
    private func readEntity() -> String? {
        guard let slot = optional(.coveredEntityID), slot.kind == .string else { return nil }
        let text = Text(offset: slot.place, count: slot.count)
        guard isEntity(text) else { return nil }
        return scratch.string(slot.place, count: slot.count)
    }

    private func describe(
        _ fault: Fault,
        _ field: String
    ) -> (Rejection.Code, message: String, hint: String) {
        let at = "at byte \(Int(fault.place) - recordPlace + 1)"
        let name = "\"\(field)\""
        func notJSON(_ message: String, _ hint: String) -> (Rejection.Code, String, String) {
            (.notJSON, "it is no JSON (RFC 8259): " + message, hint)
        }
        func invalid(_ message: String, _ hint: String) -> (Rejection.Code, String, String) {
            (.invalidField, name + " " + message, hint)
        }
        let whole = "Send the whole object as one record, written by a JSON library."
        switch fault.reason {
        case .empty:
            return notJSON("it is empty.", whole)
        case .byteOrderMark:
            return notJSON("it begins with a byte order mark.", "Write UTF-8 without one.")
        case .unexpectedByte:
            return notJSON("a value is expected \(at).", whole)
        case .unfinished:
            return notJSON("it ends \(at), before its object does.", whole)
        case .trailingBytes:
            return notJSON("something follows the end of its value \(at).", whole)
        case .badNumber:
            return notJSON(
                "a number is malformed \(at).",
                "Write numbers without leading zeros, for example 0.5."
            )
        case .badLiteral:
            return notJSON(
                "a word \(at) is none of null, true and false.",
                "Put texts between double quotes."
            )
        case .controlCharacter:
            return notJSON(
                "a control character stands in a string, or the string does not end, \(at).",
                "Escape control characters, for example \\n, and send the whole object."
            )
        case .badUTF8:
            return notJSON("its text is no UTF-8 \(at).", "Encode the record as UTF-8.")
        case .badEscape:
            return notJSON(
                "an escape in a string is unknown \(at).",
                "Escape with \\\", \\\\, \\/, \\b, \\f, \\n, \\r, \\t or \\u and four hexadecimal digits."
            )
        case .loneSurrogate:
            return notJSON(
                "half of a surrogate pair stands alone \(at).",
                "Write both halves, or the character itself in UTF-8."
            )
        case .keyExpected:
            return notJSON("a key between double quotes is expected \(at).", whole)
        case .colonExpected:
            return notJSON("a colon is expected \(at).", whole)
        case .commaExpected:
            return notJSON("a comma or the end of an array or object is expected \(at).", whole)
        case .notAnObject:
            return (.notAnObject, "it is JSON, but no object.", "Send one event as one object.")
        case .tooDeep:
            return (
                .tooDeep,
                "its arrays and objects are nested deeper than \(EventDecoder.depthLimit) \(at).",
                "Send the event's own fields without what they were taken from."
            )
        case .duplicateKnown, .duplicateUnknown:
            return (
                .duplicateKey, "the key \(name) stands twice in one object.",
                "Write every key once."
            )
        case .tooLarge:
            let rejection = Rejection.tooLarge
            return (.tooLarge, "it is larger than 1 MiB.", rejection.hint)
        case .unknownType:
            return (
                .unknownEventType, "\"event_type\" names no type of event.",
                "Send one of \(list(EventType.self))."
            )
        case .missing:
            return (
                .missingField, "\(name) is missing or null.",
                "Send it: this type of event needs it."
            )
        case .notAString: return invalid("is no string.", "Put its value between double quotes.")
        case .notANumber:
            return invalid("has the wrong type.", "Send a number.")
        case .notAnInteger:
            return invalid("is a number with a point or an exponent.", "Send a whole number.")
        case .notABoolean: return invalid("is neither true nor false.", "Send true or false.")
        case .notAnArrayOfStrings:
            return invalid("is no array of strings.", "Send for example [\"20\"], or [].")
        case .emptyText: return invalid("is empty.", "Send its value.")
        case .tooLong:
            return invalid("is longer than 128 bytes.", "Send an identifier of at most 128 bytes.")
        case .badEntity:
            return invalid(
                "is no 340B ID.",
                "Send 1 to 32 of A-Z, 0-9 and -, for example DSH330214."
            )
        case .notInList:
            return invalid(
                "has a value that the contract's list does not have.",
                "Send one of \(allowed(fault))."
            )
        case .integerOutOfRange:
            return invalid("is a number too large to be held.", "Check the unit and the column.")
        case .negative: return invalid("is negative.", "Send 0 or more.")
        case .belowOne: return invalid("is below 1.", "Send 1 for the primary payer, 2 …")
        case .zero:
            return invalid("is 0.", "Send the number of packages, negative for a credit.")
        case .notATimestamp:
            return invalid(
                "is no timestamp of RFC 3339.",
                "Send for example 2026-10-05T14:12:03Z or 2026-10-05T09:12:03-05:00."
            )
        case .noOffset:
            return invalid(
                "has no offset from UTC.",
                "End it with Z or with an offset such as -05:00."
            )
        case .impossibleTime:
            return invalid("is no date or time of the calendar.", "Check day, month and clock.")
        case .notADate:
            return invalid("is no date of the calendar.", "Send for example 2026-10-05.")
        case .notADecimal:
            return invalid(
                "is no decimal.",
                "Send digits with an optional point and digits, for example 30 or \"12.5\"."
            )
        case .decimalOutOfRange:
            return invalid(
                "has more than 12 digits before the point or 6 after it.",
                "Round it to millionths."
            )
        case .notPositive:
            return invalid("is not greater than 0.", "Send what was dispensed or billed.")
        case .beyondHorizon:
            return (
                .beyondHorizon,
                "it was recorded more than the horizon after \"occurred_at\".",
                "Enter its effect on the balance as an adjustment, or start a journal with a longer horizon_days."
            )
        }
    }

    private func list<Code: ContractCode>(_: Code.Type) -> String {
        Code.allCases.map(\.name).joined(separator: ", ")
    }

    /// The values that a field's list has, which for some fields depends on the type of event.
    private func allowed(_ fault: Fault) -> String {
        let type = try? eventType()
        switch Field(rawValue: fault.field) {
        case .classCode: return list(EncounterClass.self)
        case .status where type == .encounter: return list(EncounterStatus.self)
        case .status where type == .claim: return list(ClaimStatus.self)
        case .status: return list(DispenseStatus.self)
        case .unit: return list(BillingUnit.self)
        case .setting: return list(DispenseSetting.self)
        case .payment: return list(Payment.self)
        case .dispensingStatus: return list(DispensingStatus.self)
        case .transaction: return list(ClaimTransaction.self)
        case .account where type == .adjustment: return "340B, GPO"
        case .account: return list(Account.self)
        case .decision: return list(DispositionDecision.self)
        case .reason: return list(AdjustmentReason.self)
        default: return "its list's values"
        }
    }
}
