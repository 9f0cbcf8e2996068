import Engine
import Glibc
import Ingest
import Journal
import Kafka
import Pipeline
import Synchronization

// Records for the topics that the service reads.

extension Stage {
    /// Publishes reference rows, then sends the lines of a file to the topic of their type, any key, any partition.
    ///
    /// With `days` each turn is so many days later than the one before it, and the last has the file's own dates:
    /// then time goes by as in years of traffic, and a state forgets.
    func feed() throws {
        let repeats = Int(words["times"] ?? "1") ?? 1
        let days = Int(words["days"] ?? "0") ?? 0
        var producer = try Producer(configuration.kafka)
        if let folder = words["reference"] {
            var rows: [ReferenceRow] = []
            for table in ReferenceTable.allCases {
                guard var bytes = readFile(folder + "/" + table.name + ".csv") else { continue }
                Self.moveDates(&bytes, by: -days * (repeats - 1))
                rows += ReferenceReader.read(table, bytes, file: table.name).rows
            }
            let topic = try producer.topic(
                name(configuration.topics.reference),
                within: .seconds(20)
            )
            for record in ReferenceTopic.publication(of: rows) {
                let key = record.key
                let value = record.value ?? []
                try producer.produce(value.span.bytes, key: key.span.bytes, to: topic, partition: 0)
            }
            try producer.flush(within: .seconds(30))
        }
        guard let path = words["events"], let bytes = readFile(path) else { return }
        var topics: [String: ProducerTopic] = [:]
        for source in configuration.topics.sources {
            topics[source] = try producer.topic(name(source), within: .seconds(20))
        }
        // Of a history the records' times in Kafka are those at which they were recorded.
        var decoder = EventDecoder()
        let source = decoder.addSource(path, isFile: true)
        let isHistory = words["time"] == "recorded"
        var time: Int64 = 0
        let rate = Int(words["rate"] ?? "0") ?? 0
        let started = milliseconds()
        var count = 0
        for turn in 0..<repeats {
            var start = 0
            while start < bytes.count {
                let end = bytes[start...].firstIndex(of: 10) ?? bytes.count
                var line = Array(bytes[start..<end])
                start = end + 1
                if line.isEmpty { continue }
                if turn > 0 || words["mark"] != nil {
                    Self.rename(&line, words["mark"] ?? "t\(turn)")
                }
                Self.moveDates(&line, by: -days * (repeats - 1 - turn))
                if let entity = words["entity"] { Self.set("covered_entity_id", entity, &line) }
                guard let topic = topics[Self.topic(of: line)] else { continue }
                let partition = Int32(count) % topic.partitionCount
                if isHistory {
                    if (try? decoder.decode(line.span.bytes, from: source, recordedAt: nil)) != nil
                    {
                        time = decoder.header.recordedAt.microseconds / 1000
                    }
                    // What can't be read has the time of what came before it.
                    try producer.produce(
                        line.span.bytes,
                        headers: [],
                        timestampMilliseconds: time,
                        to: topic,
                        partition: partition
                    )
                } else {
                    try producer.produce(line.span.bytes, to: topic, partition: partition)
                }
                count += 1
                if rate > 0 {
                    let due = started + Int64(count * 1000 / rate)
                    while milliseconds() < due {
                        try producer.poll()
                        usleep(500)
                    }
                }
            }
        }
        try producer.flush(within: .seconds(120))
        try producer.poll()
        say("fed \(count) in \(milliseconds() - started) ms")
    }

    /// Another turn of the same file: other identifiers, so that nothing is a duplicate, and other patients, so that no
    /// history grows with the length of a test.
    static func rename(_ line: inout [UInt8], _ prefix: String) {
        let mark = Array("\"event_id\":\"".utf8)
        guard let place = find(mark, in: line) else { return }
        line.insert(contentsOf: Array("\(prefix)-".utf8), at: place + mark.count)
        for field in [
            "\"rx_number\":\"", "\"dispense_id\":\"", "\"claim_id\":\"", "\"encounter_id\":\"",
            "\"patient_id\":\"",
        ] {
            let bytes = Array(field.utf8)
            if let place = find(bytes, in: line) {
                line.insert(contentsOf: Array("\(prefix)-".utf8), at: place + bytes.count)
            }
        }
    }

    /// A field's text, where it has no escapes.
    static func get(_ field: String, _ line: [UInt8]) -> String? {
        let mark = Array("\"\(field)\":\"".utf8)
        guard let place = find(mark, in: line) else { return nil }
        let start = place + mark.count
        guard let end = line[start...].firstIndex(of: 34) else { return nil }
        return String(decoding: line[start..<end], as: UTF8.self)
    }

    /// Gives a field another text.
    static func set(_ field: String, _ text: String, _ line: inout [UInt8]) {
        let mark = Array("\"\(field)\":\"".utf8)
        guard let place = find(mark, in: line) else { return }
        let start = place + mark.count
        guard let end = line[start...].firstIndex(of: 34) else { return }
        line.replaceSubrange(start..<end, with: Array(text.utf8))
    }

    /// Moves all dates of a text, `2026-05-01` alone or before a time of day.
    static func moveDates(_ text: inout [UInt8], by days: Int) {
        guard days != 0, text.count >= 10 else { return }
        func number(_ range: Range<Int>) -> Int? {
            var value = 0
            for byte in text[range] {
                guard byte >= 48, byte <= 57 else { return nil }
                value = value * 10 + Int(byte - 48)
            }
            return value
        }
        var place = 0
        while place + 10 <= text.count {
            guard text[place + 4] == 45, text[place + 7] == 45,
                place == 0 || !(48...57).contains(text[place - 1]),
                let year = number(place..<place + 4), let month = number(place + 5..<place + 7),
                let day = number(place + 8..<place + 10),
                let date = CivilDate(year: year, month: month, day: day)
            else {
                place += 1
                continue
            }
            text.replaceSubrange(
                place..<place + 10,
                with: date.adding(days: Int32(days)).text.utf8
            )
            place += 10
        }
    }

    static func find(_ pattern: [UInt8], in line: [UInt8]) -> Int? {
        guard line.count >= pattern.count else { return nil }
        return line.withUnsafeBufferPointer { line in
            (0...line.count - pattern.count).first { place in
                line[place] == pattern[0] && line[place...].starts(with: pattern)
            }
        }
    }

    static func topic(of line: [UInt8]) -> String {
        for (type, topic) in [
            ("encounter", "encounters"), ("dispense", "dispenses"), ("claim", "claims"),
            ("purchase", "purchases"), ("disposition", "dispositions"),
            ("adjustment", "dispositions"),
        ]
        where find(Array("\"event_type\":\"\(type)\"".utf8), in: line) != nil
            || find(Array("\"event_type\": \"\(type)\"".utf8), in: line) != nil
        {
            return topic
        }
        return "claims"
    }
}
