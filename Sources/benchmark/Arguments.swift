/// What stops a measurement, as a sentence.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The words behind a subcommand: places and `--name value` pairs.
struct Arguments {
    private var places: [String] = []
    private var options: [String: String] = [:]

    /// Takes the words apart.
    ///
    /// - Parameters:
    ///   - words: What was typed behind the subcommand.
    ///   - placeCount: How many places the subcommand has.
    ///   - known: Its options, without the dashes.
    /// - Throws: which word is wrong.
    init(_ words: [String], places placeCount: Int, options known: [String]) throws(Failure) {
        var rest = words[...]
        while let word = rest.popFirst() {
            guard word.hasPrefix("--") else {
                places.append(word)
                continue
            }
            let name = String(word.dropFirst(2))
            guard known.contains(name) else {
                let all = known.map { "--\($0)" }.joined(separator: ", ")
                throw Failure("\(word) is no option here. There are \(all).")
            }
            guard let value = rest.popFirst() else { throw Failure("\(word) needs a value.") }
            options[name] = value
        }
        guard places.count == placeCount else {
            let needed = placeCount == 0 ? "no file is" : "one file is"
            throw Failure("\(needed) needed, \(places.count) given.")
        }
    }

    /// The place at an index.
    func place(_ index: Int) -> String { places[index] }

    /// An option that may be left out.
    func text(_ name: String) -> String? { options[name] }

    /// An option that must be there.
    func required(_ name: String) throws(Failure) -> String {
        guard let value = options[name] else { throw Failure("--\(name) is missing.") }
        return value
    }

    /// A number of at least 1.
    func count(_ name: String, default value: Int) throws(Failure) -> Int {
        guard let text = options[name] else { return value }
        guard let number = Int(text), number >= 1 else {
            throw Failure("--\(name) \(text): a whole number of at least 1 is needed.")
        }
        return number
    }
}
