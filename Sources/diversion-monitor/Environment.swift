internal import Glibc

/// The environment, which only this target reads.
enum Environment {
    /// All variables of the process.
    static var all: [String: String] {
        var found: [String: String] = [:]
        // Safe: the array ends with a null pointer, its strings with a zero byte, and nothing
        // here changes the environment.
        var place = unsafe environ
        while let entry = unsafe place.pointee {
            let parts = unsafe String(cString: entry).split(
                separator: "=",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            if parts.count == 2 { found[String(parts[0])] = String(parts[1]) }
            unsafe place += 1
        }
        return found
    }
}
