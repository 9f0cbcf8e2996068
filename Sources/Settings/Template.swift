extension SettingsSchema {
    /// The file `config init` writes: every setting with its help and default, commented out.
    ///
    /// Prose begins with `# `, a setting with `#` alone: to set one, delete that character.
    public func template(program: String) -> String {
        var text = """
            # Settings of \(program).
            #
            # To set one, delete the # before its key. Every setting may also be given as a flag,
            # --KEY VALUE, or as the environment variable that is named beside it. A flag wins over
            # the environment, the environment over this file, this file over the default.
            # An unknown key is an error.

            """
        for setting in settings {
            text += "\n" + comment(setting.help + ".")
            var facts = setting.kind.inWords + "."
            if setting.isRequired { facts += " Required." }
            if let value = setting.defaultText {
                facts += " Default: \(value.isEmpty ? "\"\"" : value)."
            }
            text += comment(facts) + comment("Environment: \(environmentName(of: setting.key))")
            if setting.kind == .secret {
                text += comment("Better kept in a file of its own that only this program can read.")
                text += "#\(setting.key)_file: PATH\n"
            } else {
                text += "#\(setting.key): \(yaml(setting))\n"
            }
        }
        for open in openPrefixes.reversed() {
            text += "\n" + comment("\(open.prefix)NAME: \(open.help).")
        }
        if !refusals.isEmpty { text += "\n# These cannot be set:\n" }
        for refusal in refusals { text += comment("\(refusal.key): \(refusal.reason).") }
        return text
    }

    private func yaml(_ setting: Setting) -> String {
        let text = setting.defaultText ?? setting.valueName
        guard setting.kind == .strings else { return scalar(text) }
        return "[" + text.split(separator: ",").map { scalar(String($0)) }.joined(separator: ", ")
            + "]"
    }

    /// The text as YAML reads it back: in quotes unless it is made of harmless characters.
    private func scalar(_ text: String) -> String {
        let isHarmless =
            text.utf8.first != UInt8(ascii: "-")
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "/"),
                    UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
        if isHarmless, !text.isEmpty, text != "null" { return text }
        return "'" + text.replacing("'", with: "''") + "'"
    }

    /// The text in lines of at most 100 characters, each after `# `.
    private func comment(_ text: String) -> String {
        var lines: [String] = []
        for word in text.split(whereSeparator: \.isWhitespace) {
            if let line = lines.last, line.count + word.count < 100 {
                lines[lines.count - 1] = line + " " + word
            } else {
                lines.append("# " + word)
            }
        }
        return lines.map { $0 + "\n" }.joined()
    }
}
