/// The number with a comma between thousands, in every locale: `1,234,567`.
///
/// Operators paste these into reports and scripts; a separator that moved with the machine's
/// locale would make two sites' reports differ.
public func grouped(_ number: some BinaryInteger) -> String {
    let digits = String(number.magnitude)
    var text = number < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index).isMultiple(of: 3) { text += "," }
        text.append(digit)
    }
    return text
}

/// The whole number `text` stands for: an optional minus and digits, nothing else.
///
/// No sign `+`, no separators and no leading zeros: `010` is ten to some readers and eight to
/// others, so it is neither here.
public func wholeNumber(_ text: String) -> Int? {
    let digits = text.utf8.first == UInt8(ascii: "-") ? text.dropFirst() : text[...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
        return nil
    }
    guard digits.utf8.first != 0x30 || text == "0" else { return nil }
    return Int(text)
}
