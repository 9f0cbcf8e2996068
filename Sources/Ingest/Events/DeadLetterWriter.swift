internal import Journal

/// Where a source record stands: what a dead letter's `source` says.
public enum RecordPlace: Sendable, Hashable {
    /// A Kafka record.
    case topic(String, partition: Int32, offset: Int64)
    /// A line of a file, from 1.
    case file(String, line: Int64)
}

/// Writes dead letters as OUTPUTS wants them: keys in its order, the record's bytes in base64.
///
/// Of a record over 1 MiB the letter holds the first 64 KiB, and `value_bytes` and `value_sha256` of the whole; of all
/// others these two are null.
public enum DeadLetterWriter {
    /// Adds the letter of a record whose bytes are all here, as one JSON object without a line feed.
    public static func write(
        _ rejection: Rejection,
        at place: RecordPlace,
        value: RawSpan,
        to out: inout [UInt8]
    ) {
        writeHead(rejection, at: place, to: &out)
        let isWhole = value.byteCount <= EventDecoder.recordLimit
        // The spans of the bytes are only used within the closure.
        unsafe value.withUnsafeBytes { bytes in
            let kept = isWhole ? bytes.count : LineSplitter.headSize
            unsafe writeBase64(UnsafeRawBufferPointer(rebasing: bytes[..<kept]), to: &out)
            if isWhole {
                writeTail(nil, to: &out)
            } else {
                unsafe writeTail((bytes.count, SHA256.hash(bytes)), to: &out)
            }
        }
    }

    /// Adds the letter of a line that was too long to be kept.
    public static func write(
        _ line: OversizedLine,
        in file: String,
        to out: inout [UInt8]
    ) {
        writeHead(.tooLarge, at: .file(file, line: Int64(line.number)), to: &out)
        unsafe line.head.withUnsafeBytes { unsafe writeBase64($0, to: &out) }
        writeTail((line.byteCount, line.digest), to: &out)
    }

    /// The Kafka headers of a letter: Kafka Connect's names, and ours for what a program may sort by.
    ///
    /// - Parameters:
    ///   - rejection: why the record is a dead letter.
    ///   - place: where it stands.
    ///   - application: the monitor's name: the connector, to tools that read these headers.
    ///   - task: number of the worker that found it.
    ///   - mark: the record's own, where it had been sent again from a letter before.
    /// - Returns: names and values, in the order in which they are to stand.
    public static func headers(
        _ rejection: Rejection,
        at place: RecordPlace,
        application: String,
        task: Int,
        mark: RedriveMark? = nil
    ) -> [(name: String, value: String)] {
        let prefix = "__connect.errors."
        var headers: [(name: String, value: String)] = []
        switch place {
        case .topic(let topic, let partition, let offset):
            headers = [
                (prefix + "topic", topic), (prefix + "partition", "\(partition)"),
                (prefix + "offset", "\(offset)"),
            ]
        case .file(let file, let line):
            headers = [(prefix + "topic", file), (prefix + "offset", "\(line)")]
        }
        return headers + [
            (prefix + "connector.name", application), (prefix + "task.id", "\(task)"),
            (prefix + "stage", "VALUE_CONVERTER"),
            (prefix + "class.name", "Ingest.EventDecoder"),
            (prefix + "exception.class.name", "Ingest.Rejection"),
            (prefix + "exception.message", rejection.message),
            ("code", rejection.code.rawValue), ("hint", rejection.hint),
        ] + (mark?.headers ?? [])
    }

    private static func writeHead(
        _ rejection: Rejection,
        at place: RecordPlace,
        to out: inout [UInt8]
    ) {
        out += Array("{\"covered_entity_id\":".utf8)
        if let entity = rejection.coveredEntityID {
            writeString(entity, to: &out)
        } else {
            out += Array("null".utf8)
        }
        switch place {
        case .topic(let topic, let partition, let offset):
            out += Array(",\"source\":{\"topic\":".utf8)
            writeString(topic, to: &out)
            out += Array(",\"partition\":\(partition),\"offset\":\(offset)}".utf8)
        case .file(let file, let line):
            out += Array(",\"source\":{\"file\":".utf8)
            writeString(file, to: &out)
            out += Array(",\"line\":\(line)}".utf8)
        }
        out += Array(",\"error\":{\"code\":\"\(rejection.code.rawValue)\",\"field\":".utf8)
        writeString(rejection.field, to: &out)
        out += Array(",\"message\":".utf8)
        writeString(rejection.message + " " + rejection.hint, to: &out)
        out += Array("},\"value\":\"".utf8)
    }

    private static func writeTail(
        _ whole: (byteCount: Int, digest: [UInt8])?,
        to out: inout [UInt8]
    ) {
        guard let whole else {
            out += Array("\",\"value_bytes\":null,\"value_sha256\":null}".utf8)
            return
        }
        out += Array("\",\"value_bytes\":\(whole.byteCount),\"value_sha256\":\"".utf8)
        out += Array((SHA256.hex(whole.digest) + "\"}").utf8)
    }

    /// A JSON string: quotes, backslashes and control characters escaped, everything else as it is.
    private static func writeString(_ text: String, to out: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        out.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                out.append(UInt8(ascii: "\\"))
                out.append(byte)
            case 0..<0x20:
                out += Array("\\u00".utf8)
                out.append(digits[Int(byte >> 4)])
                out.append(digits[Int(byte & 15)])
            default: out.append(byte)
            }
        }
        out.append(UInt8(ascii: "\""))
    }

    /// RFC 4648, section 4, with padding.
    static func writeBase64(_ bytes: UnsafeRawBufferPointer, to out: inout [UInt8]) {
        let alphabet = Array(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
        )
        out.reserveCapacity(out.count + (bytes.count + 2) / 3 * 4 + 128)
        var index = 0
        while index < bytes.count {
            let left = bytes.count - index
            var group = unsafe UInt32(bytes[index]) << 16
            if left > 1 { unsafe group |= UInt32(bytes[index + 1]) << 8 }
            if left > 2 { unsafe group |= UInt32(bytes[index + 2]) }
            out.append(alphabet[Int(group >> 18)])
            out.append(alphabet[Int(group >> 12 & 63)])
            out.append(left > 1 ? alphabet[Int(group >> 6 & 63)] : UInt8(ascii: "="))
            out.append(left > 2 ? alphabet[Int(group & 63)] : UInt8(ascii: "="))
            index += 3
        }
    }
}

extension Rejection {
    /// A record over 1 MiB, which nobody has looked into.
    public static var tooLarge: Rejection {
        Rejection(
            code: .tooLarge,
            field: "",
            message: "could not use the record: it is larger than 1 MiB.",
            hint: "Send one event a record, without attachments."
        )
    }
}
