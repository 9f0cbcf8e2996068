/// A covered entity of the sample, with all that belongs to it.
struct Clinic {
    var id: String
    var type: String
    var name: String
    var state: String
    var feeForService: String
    var managedCare: String
    /// Minutes east of Greenwich, in summer.
    var offset: Int
    /// Parent first, then the clinics outside it.
    var sites: [String]
    /// Employed doctors; each works at one site.
    var doctors: [String]
    var inHouse: String
    var contracts: [String]

    /// A time on this place's clock, in 2026 unless a year is given.
    func time(_ month: Int, _ day: Int, _ hour: Int, _ minute: Int, year: Int = 2026) -> Moment {
        Moment(month, day, hour, minute, year: year, offset: offset)
    }
}

/// A payer as a claim names it.
struct Payer {
    var bin: String
    var pcn = ""
    var group = ""

    static let commercial = Payer(bin: "610014", pcn: "MEDDPRIME", group: "RX4521")
    static let secondCommercial = Payer(bin: "003858", pcn: "A4")
    static let feeForService = Payer(bin: "610084", pcn: "DRMCPROD")
    static let managedCare = Payer(bin: "610591", pcn: "ADV", group: "RXMCD")
    static let medicare = Payer(bin: "015581", pcn: "03200000")
    /// In no table: not Medicaid as far as anyone knows.
    static let unknown = Payer(bin: "999999")
}

/// The entities, people and pharmacies of the sample, and the eight tables that describe them.
enum World {
    static let dsh = clinic(
        1,
        "DSH220914",
        "DSH",
        "Harbor City Hospital",
        "MA",
        ("carve_out", "carve_in"),
        -240
    )
    static let can = clinic(
        2,
        "CAN360711",
        "CAN",
        "Lakefront Cancer Hospital",
        "OH",
        ("carve_in", "carve_in"),
        -240
    )
    static let ch = clinic(
        3,
        "CH0552230",
        "CH",
        "Prairie Community Health Center",
        "IL",
        ("carve_in", "carve_out"),
        -300
    )
    static let rrc = clinic(
        4,
        "RRC140233",
        "RRC",
        "Three Rivers Referral Center",
        "IL",
        ("carve_out", "carve_out"),
        -300
    )
    static let sch = clinic(
        5,
        "SCH030105",
        "SCH",
        "Mesa Sole Community Hospital",
        "AZ",
        ("carve_in", "carve_in"),
        -420
    )
    static let clinics = [dsh, can, ch, rrc, sch]

    /// On the hospital's roster as a referral provider.
    static let referralDoctor = npi(190_000_001)
    /// Under contract with the hospital until 31 August.
    static let contractedDoctor = npi(190_000_002)
    /// On nobody's roster.
    static let outsideDoctor = npi(190_000_003)
    static let otherOutsideDoctor = npi(190_000_004)
    /// A contract pharmacy of the hospital whose arrangement ended on 15 September.
    static let endedPharmacy = npi(290_000_001)
    /// A pharmacy of nobody.
    static let strangePharmacy = npi(290_000_002)
    /// The hospital's clinic that was registered on 1 October, as registrations begin with a quarter.
    static let newSite = "DSH220914C"

    private static func clinic(
        _ number: Int,
        _ id: String,
        _ type: String,
        _ name: String,
        _ state: String,
        _ medicaid: (feeForService: String, managedCare: String),
        _ offset: Int
    ) -> Clinic {
        Clinic(
            id: id,
            type: type,
            name: name,
            state: state,
            feeForService: medicaid.feeForService,
            managedCare: medicaid.managedCare,
            offset: offset,
            sites: [id, id + "A", id + "B"],
            doctors: (1...6).map { npi(100_000_000 + number * 1_000 + $0) },
            inHouse: npi(200_000_000 + number * 1_000 + 1),
            contracts: (2...3).map { npi(200_000_000 + number * 1_000 + $0) }
        )
    }

    /// The nine digits with their check digit (Luhn, with 80840 before them).
    static func npi(_ digits: Int) -> String {
        var sum = 24
        for (position, digit) in String(digits).reversed().enumerated() {
            let value = digit.wholeNumberValue ?? 0
            let weighted = position.isMultiple(of: 2) ? value * 2 : value
            sum += weighted > 9 ? weighted - 9 : weighted
        }
        return "\(digits)\((10 - sum % 10) % 10)"
    }

    static var tables: [(file: String, text: String)] {
        [
            ("covered_entities.csv", entities), ("sites.csv", sites), ("providers.csv", providers),
            ("pharmacies.csv", pharmacies), ("products.csv", products), ("payers.csv", payers),
            ("restrictions.csv", restrictions), ("designations.csv", designations),
        ]
    }

    private static var entities: String {
        table(
            "covered_entity_id,entity_type,name,state,medicaid_ffs,medicaid_mco,effective_from,effective_to",
            clinics.map {
                "\($0.id),\($0.type),\($0.name),\($0.state),\($0.feeForService),\($0.managedCare),2018-01-01,"
            }
        )
    }

    private static var sites: String {
        let rows = clinics.flatMap { clinic in
            zip(clinic.sites, ["main campus", "east clinic", "west clinic"]).map { site, place in
                "\(site),\(clinic.id),\(clinic.name) \(place),2018-01-01,"
            }
        }
        return table(
            "site_id,covered_entity_id,name,effective_from,effective_to",
            rows + ["\(newSite),\(dsh.id),\(dsh.name) harbor clinic,2026-10-01,"]
        )
    }

    private static var providers: String {
        let rows = clinics.flatMap { clinic in
            clinic.doctors.map { "\($0),\(clinic.id),employed,2018-01-01," }
        }
        return table(
            "npi,covered_entity_id,relationship,effective_from,effective_to",
            rows + [
                "\(referralDoctor),\(dsh.id),referral,2022-01-01,",
                "\(contractedDoctor),\(dsh.id),contracted,2024-09-01,2026-08-31",
            ]
        )
    }

    private static var pharmacies: String {
        var rows: [String] = []
        for clinic in clinics {
            rows.append(
                "\(clinic.inHouse),\(clinic.id),\(clinic.name) pharmacy,in_house,2018-01-01,,,"
            )
            for (npi, name) in zip(clinic.contracts, ["Corner drugstore", "Market drugstore"]) {
                // The health center reported one arrangement that carries fee-for-service Medicaid.
                let ownElection = clinic.id == ch.id && npi == clinic.contracts[1]
                rows.append(
                    "\(npi),\(clinic.id),\(name),contract,2020-04-01,,"
                        + (ownElection ? "carve_in," : ",")
                )
            }
        }
        rows.append("\(endedPharmacy),\(dsh.id),Bridge drugstore,contract,2020-04-01,2026-09-15,,")
        return table(
            "npi,covered_entity_id,name,arrangement,effective_from,effective_to,medicaid_ffs,medicaid_mco",
            rows
        )
    }

    private static var products: String {
        table(
            "ndc11,description,billing_unit,package_size,labeler,orphan,mfp_from",
            Product.all.map {
                "\($0.ndc),\($0.description),\($0.unit),\($0.packageSize),\($0.labeler),"
                    + "\($0.isOrphan ? 1 : 0),\($0.fairPriceFrom)"
            }
        )
    }

    private static var payers: String {
        table(
            "bin,pcn,group,payer_type,state",
            [
                "610014,,,commercial,", "003858,,,commercial,", "610084,,,medicaid_ffs,",
                "610591,,,commercial,", "610591,ADV,RXMCD,medicaid_mco,", "015581,,,medicare_d,",
            ]
        )
    }

    private static var restrictions: String {
        table(
            "labeler,entity_type,rule,effective_from,effective_to",
            [
                "AMGEN USA INC,DSH,no_contract,2026-09-01,",
                "GILEAD SCIENCES INC,,designated_only,2024-01-01,",
            ]
        )
    }

    private static var designations: String {
        table(
            "covered_entity_id,labeler,pharmacy_npi,effective_from,effective_to",
            ["\(dsh.id),GILEAD SCIENCES INC,\(dsh.contracts[0]),2024-01-01,"]
        )
    }

    private static func table(_ header: String, _ rows: [String]) -> String {
        ([header] + rows).joined(separator: "\n") + "\n"
    }
}
