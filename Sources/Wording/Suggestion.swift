/// The candidate a person most likely meant by a misspelt `word`, or nil when none is near.
///
/// A letter added, dropped, changed or swapped with its neighbour counts one; a third of the
/// word may be wrong, so that `pln` finds `plan` but `x` finds nothing. The first of several
/// equally near candidates wins, and so the answer never depends on chance. `limit` holds the
/// count lower where a wrong guess would annoy.
public func closest(
    to word: String,
    among candidates: some Sequence<String>,
    within limit: Int = .max
) -> String? {
    let typed = Array(word.lowercased().utf8)
    var best: (candidate: String, distance: Int)?
    for candidate in candidates {
        let wanted = Array(candidate.lowercased().utf8)
        let allowed = min(limit, (max(typed.count, wanted.count) + 1) / 3)
        let limit = min(allowed, (best?.distance ?? .max) - 1)
        guard abs(typed.count - wanted.count) <= limit else { continue }
        let distance = editDistance(typed, wanted)
        if distance <= limit { best = (candidate, distance) }
    }
    return best?.candidate
}

/// ` Did you mean WORD?` with its leading space, or nothing: ready to stand after a sentence.
public func didYouMean(_ word: String, among candidates: some Sequence<String>) -> String {
    closest(to: word, among: candidates).map { " Did you mean \($0)?" } ?? ""
}

/// The words as a person would list them: `text, json or csv`.
public func spoken(_ words: [String], joinedBy conjunction: String = "or") -> String {
    guard words.count > 1, let last = words.last else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " \(conjunction) " + last
}

/// Damerau's edit distance between neighbours, over three rows of the usual table.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
    var beforePrevious: [Int] = []
    var previous = Array(0...right.count)
    for i in 1...left.count {
        var row = [i]
        for j in 1...right.count {
            let change = previous[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1)
            var cheapest = min(change, previous[j] + 1, row[j - 1] + 1)
            if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
                cheapest = min(cheapest, beforePrevious[j - 2] + 1)
            }
            row.append(cheapest)
        }
        (beforePrevious, previous) = (previous, row)
    }
    return previous[right.count]
}
