internal import Journal

// What the reference tables add to an image of the state (`StateArchive`).

extension Reference {
    /// Lists its memory. What is looked up by a key of its own is made anew from the rows.
    mutating func visit(_ archive: inout StateArchive) {
        texts.visit(&archive)
        types.visit(&archive)
        entities.visit(&archive)
        sites.visit(&archive)
        providers.visit(&archive)
        pharmacies.visit(&archive)
        products.visit(&archive)
        writtenProducts.visit(&archive)
        productIndex.visit(&archive)
        payers.visit(&archive)
        payerIndex.visit(&archive)
        archive.array(&periods, filler: Period(from: .distantPast, to: .distantPast))
        archive.value(&isComplete)
        // A proof reads what rules read.
        if archive.pass == .proving { return }
        if !archive.isReading { pack() }
        var keyed = keyedImage ?? []
        archive.bytes(&keyed)
        var named = namedImage ?? []
        archive.bytes(&named)
        archive.list(&staged, filler: .empty) { $1.row(&$0) }
        guard archive.isReading, archive.fault == nil else { return }
        keyedImage = keyed
        namedImage = named
        isPacked = true
        do throws(StateFault) { keepByKey(try Self.rows(keyed)) } catch {
            archive.fail(error.description)
        }
    }

    /// Makes the images of the rows, if there are none.
    private mutating func pack() {
        guard keyedImage == nil || namedImage == nil else { return }
        var rows = (keyed: [ReferenceRow](), named: [ReferenceRow]())
        for (_, row) in current.sorted(by: { $0.key < $1.key }) {
            switch row.table {
            case .payers, .restrictions, .designations: rows.keyed.append(row)
            case .coveredEntities, .sites, .providers, .pharmacies, .products:
                rows.named.append(row)
            }
        }
        keyedImage = Self.image(&rows.keyed)
        namedImage = Self.image(&rows.named)
    }

    /// Takes the rows out of their images again.
    mutating func unpack() {
        guard isPacked else { return }
        isPacked = false
        for image in [keyedImage, namedImage] {
            do throws(StateFault) {
                for row in try Self.rows(image ?? []) { current[row.key] = row }
            } catch {
                preconditionFailure("what was written by us can be read: \(error.description)")
            }
        }
    }

    /// All rows in effect, in the order of their keys.
    mutating func rowsInOrder() -> [ReferenceRow] {
        unpack()
        return current.sorted { $0.key < $1.key }.map(\.value)
    }

    private static func image(_ rows: inout [ReferenceRow]) -> [UInt8] {
        var measure = StateArchive()
        measure.list(&rows, filler: .empty) { $1.row(&$0) }
        var bytes = [UInt8](repeating: 0, count: measure.byteCount)
        unsafe bytes.withUnsafeMutableBytes { memory in
            var archive = unsafe StateArchive(writingTo: memory)
            archive.list(&rows, filler: .empty) { $1.row(&$0) }
        }
        return bytes
    }

    private static func rows(_ image: [UInt8]) throws(StateFault) -> [ReferenceRow] {
        if image.isEmpty { return [] }
        var place = 0
        var archive = unsafe StateArchive { buffer throws(StateFault) in
            guard image.count - place >= buffer.count else {
                throw StateFault("the rows of reference tables end too early")
            }
            // Inside the image, by the line above.
            unsafe image.withUnsafeBytes { bytes in
                unsafe buffer.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[place..<place + buffer.count])
                )
            }
            place += buffer.count
        }
        var rows: [ReferenceRow] = []
        archive.list(&rows, filler: .empty) { $1.row(&$0) }
        if let fault = archive.fault { throw fault }
        return rows
    }
}

extension ReferenceRow {
    /// A row of nothing, to be read into.
    fileprivate static var empty: ReferenceRow { ReferenceRow(table: .sites, values: []) }
}

extension StateArchive {
    /// A row of a reference table.
    fileprivate mutating func row(_ row: inout ReferenceRow) {
        var table = row.table.rawValue
        value(&table)
        guard let found = ReferenceTable(rawValue: table) else {
            return fail("it holds a row of no table")
        }
        row.table = found
        value(&row.isWithdrawn)
        list(&row.values, filler: "") { $1.text(&$0) }
        if isReading, fault == nil, row.values.count != found.columns.count {
            fail("it holds a row of \(found.name) with other columns")
        }
    }
}
