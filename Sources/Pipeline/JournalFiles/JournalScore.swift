public import Engine
internal import Journal

/// Folds journal files into the outputs that the service published from them: the proof that a journal gives the same
/// bytes to everybody.
///
/// Each output topic becomes one NDJSON file: the records of journal partition 0 in order, then those of 1, and so on,
/// each with a line feed.
public struct JournalScore: Sendable {
    /// What a fold did.
    public struct Report: Sendable {
        /// Records folded, by partition.
        public var records: [(partition: Int32, count: Int64)] = []
        /// Sums over all partitions.
        public var counts = MachineCounts()
        /// Output records by topic name.
        public var outputs: [(topic: String, count: Int64)] = []
    }

    let files: [String]
    let output: String

    /// A fold of files, in any order, into a folder that exists.
    public init(files: [String], output: String) {
        self.files = files
        self.output = output
    }

    /// Folds all files.
    public func run() throws(FileScoreFailure) -> Report {
        var found: [(header: JournalFileHeader, path: String)] = []
        for path in files {
            do { found.append((try JournalFileReader(path).header, path)) } catch {
                throw .file(error)
            }
        }
        found.sort { $0.header.partition < $1.header.partition }
        for (left, right) in zip(found, found.dropFirst())
        where left.header.partition == right.header.partition {
            throw .file(
                FileFailure(
                    "fold \(left.path) and \(right.path): both hold partition \(left.header.partition)"
                )
            )
        }
        var outputs: [OutputFile] = []
        for topic in OutputTopic.allCases {
            do { outputs.append(try OutputFile(output + "/" + topic.name + ".ndjson")) } catch {
                throw .file(error)
            }
        }
        var report = Report()
        report.outputs = OutputTopic.allCases.map { ($0.name, 0) }
        for (header, path) in found {
            var machine = Machine()
            do throws(FileFailure) {
                var reader = try JournalFileReader(path)
                while try reader.next() {
                    do throws(MachineFault) {
                        try machine.apply(reader.record, offset: reader.offset)
                    } catch {
                        throw FileFailure("fold \(path): \(error.description)")
                    }
                    if machine.outputByteCount >= 1 << 20 {
                        try Self.write(&machine, outputs, &report)
                    }
                }
                try Self.write(&machine, outputs, &report)
            } catch {
                throw .file(error)
            }
            report.records.append((header.partition, machine.counts.records))
            report.counts.add(machine.counts)
        }
        for file in outputs {
            do { try file.finish() } catch { throw .file(error) }
        }
        return report
    }

    private static func write(
        _ machine: inout Machine,
        _ files: [OutputFile],
        _ report: inout Report
    ) throws(FileFailure) {
        for place in files.indices {
            try unsafe files[place].append(machine.outputs[place].bytes)
            report.outputs[place].count += Int64(machine.outputs[place].count)
        }
        machine.removeOutputs()
    }
}

extension MachineCounts {
    /// Adds those of another partition.
    fileprivate mutating func add(_ other: MachineCounts) {
        records += other.records
        control += other.control
        applied += other.applied
        duplicates += other.duplicates
        encountersTooOld += other.encountersTooOld
        adjustmentsUnapproved += other.adjustmentsUnapproved
        dispositionsWithoutEffect += other.dispositionsWithoutEffect
        reversalsOfUnknownFills += other.reversalsOfUnknownFills
        claimsRejected += other.claimsRejected
        superseded += other.superseded
        for place in decisions.indices { decisions[place] += other.decisions[place] }
        for place in alertsOpened.indices { alertsOpened[place] += other.alertsOpened[place] }
    }
}
