import Foundation

/// The files of this repository, as text.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A file's place below the root, and its lines.
    struct File: Sendable {
        var path: String
        var lines: [String]
    }

    /// All files below a folder whose names end so, in order; empty where the folder is not there.
    static func files(_ folder: String, _ endings: String...) -> [File] {
        let place = root.appending(path: folder)
        let paths = (try? FileManager.default.subpathsOfDirectory(atPath: place.path)) ?? []
        return paths.filter { path in endings.contains { path.hasSuffix($0) } }.sorted()
            .compactMap { path in
                let file = place.appending(path: path)
                guard let text = try? String(contentsOf: file, encoding: .utf8) else { return nil }
                return File(
                    path: folder + "/" + path,
                    lines: text.split(separator: "\n", omittingEmptySubsequences: false)
                        .map(String.init)
                )
            }
    }

    /// A line of Swift without its comment and without what stands between quotes.
    static func code(_ line: String) -> String {
        var code = ""
        var isQuoted = false
        var previous: Character = " "
        for character in line {
            if character == "\"", previous != "\\" { isQuoted.toggle() }
            if character == "/", previous == "/", !isQuoted { return String(code.dropLast()) }
            if !isQuoted { code.append(character) }
            previous = character
        }
        return code
    }

    /// Lines of a file in which a pattern stands, as `path:line: text`.
    static func hits(_ pattern: Regex<some Any>, in file: File, _ view: (String) -> String)
        -> [String]
    {
        file.lines.enumerated().compactMap { index, line in
            view(line).firstMatch(of: pattern) == nil
                ? nil : "\(file.path):\(index + 1): \(line.trimmingCharacters(in: .whitespaces))"
        }
    }
}
