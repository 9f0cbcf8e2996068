/// A drug as it is bought: one row of `products.csv`, and how much of it one fill gives.
struct Product {
    var name: String
    var ndc: String
    var description: String
    var unit: String
    var packageSize: String
    var labeler: String
    var fillQuantity: String
    var isOrphan: Bool
    var fairPriceFrom: String

    init(
        _ name: String,
        _ ndc: String,
        _ description: String,
        _ unit: String,
        _ packageSize: String,
        _ labeler: String,
        _ fillQuantity: String,
        isOrphan: Bool = false,
        fairPriceFrom: String = ""
    ) {
        self.name = name
        self.ndc = ndc
        self.description = description
        self.unit = unit
        self.packageSize = packageSize
        self.labeler = labeler
        self.fillQuantity = fillQuantity
        self.isOrphan = isOrphan
        self.fairPriceFrom = fairPriceFrom
    }

    /// With the dashes of the package: 5-4-2.
    var dashed: String { "\(ndc.prefix(5))-\(ndc.dropFirst(5).prefix(4))-\(ndc.suffix(2))" }
}

// Names, packages and labelers are real; which drugs are orphans, and whom a labeler supplies, is the
// sample's own world.
extension Product {
    /// What patients take for months: the routine.
    static let routine: [Product] = [
        Product(
            "sertraline",
            "23155075903",
            "SERTRALINE HCL TB 100MG 30",
            "EA",
            "30",
            "AVET PHARMA INC",
            "30"
        ),
        Product(
            "escitalopram",
            "13668013601",
            "ESCITALOPRAM TB 10MG 100",
            "EA",
            "100",
            "TORRENT PHARMA INC",
            "30"
        ),
        Product(
            "topiramate",
            "29300011716",
            "TOPIRAMATE TB 100MG 60",
            "EA",
            "60",
            "UNICHEM PHARMACEUTICAL USA",
            "60"
        ),
        Product(
            "propranolol",
            "00378018401",
            "PROPRANOLOL TB 40MG 100",
            "EA",
            "100",
            "MYLAN PHARM",
            "60"
        ),
        Product(
            "buspirone",
            "00093005401",
            "BUSPIRONE HCL TB 10MG 100",
            "EA",
            "100",
            "TEVA PHARMA",
            "60"
        ),
        Product(
            "simvastatin",
            "65862005290",
            "SIMVASTATIN TB 20MG 90",
            "EA",
            "90",
            "AUROBINDO PHARMA USA",
            "30"
        ),
        Product(
            "atorvastatin",
            "00378395277",
            "ATORVASTATIN TB 40MG 90",
            "EA",
            "90",
            "MYLAN PHARM",
            "30"
        ),
        Product(
            "omeprazole",
            "00378615077",
            "OMEPRAZOLE CP 20MG 90 DR",
            "EA",
            "90",
            "MYLAN PHARM",
            "30"
        ),
        Product(
            "famotidine",
            "00172572860",
            "FAMOTIDINE TB 20MG 100",
            "EA",
            "100",
            "TEVA PHARMA",
            "60"
        ),
        Product(
            "lisinopril",
            "62135064290",
            "LISINOPRIL TB 10MG 90 ONCE-DAILY",
            "EA",
            "90",
            "CHARTWELL RX LLC",
            "30"
        ),
        Product(
            "losartan",
            "31722070190",
            "LOSARTAN POT TB 50MG 90",
            "EA",
            "90",
            "CAMBER PHARMA",
            "30"
        ),
        Product(
            "amlodipine",
            "68180045501",
            "AMLODIPINE BESYL TB 5MG 90 CPLT",
            "EA",
            "90",
            "LUPIN PHARMA INC",
            "30"
        ),
        Product(
            "metoprolol",
            "00378001801",
            "METOPROLOL TART TB 25MG 100",
            "EA",
            "100",
            "MYLAN PHARM",
            "60"
        ),
        Product("furosemide", "00054429925", "FUROSEMIDE TB 40MG 100", "EA", "100", "HIKMA", "30"),
        Product(
            "clopidogrel",
            "43598012130",
            "CLOPIDOGREL TB 75MG 30",
            "EA",
            "30",
            "DR REDDYS LABS INC",
            "30"
        ),
        Product(
            "warfarin",
            "00093172101",
            "WARFARIN SOD TB 5MG 100 CPLT",
            "EA",
            "100",
            "TEVA PHARMA",
            "30"
        ),
        Product(
            "metformin",
            "00378600291",
            "METFORMIN TB 500MG 60 ER",
            "EA",
            "60",
            "MYLAN PHARM",
            "60"
        ),
        Product(
            "gabapentin",
            "16571086801",
            "GABAPENTIN CP 300MG 100",
            "EA",
            "100",
            "RISING PHARMA HOLDINGS INC",
            "90"
        ),
        Product(
            "hydrochlorothiazide",
            "00172208360",
            "HYDROCHLOROTHIAZIDE TB 25MG 100",
            "EA",
            "100",
            "TEVA PHARMA",
            "30"
        ),
        Product(
            "eliquis",
            "00003089421",
            "ELIQUIS TB 5MG 60",
            "EA",
            "60",
            "BRISTOL",
            "60",
            fairPriceFrom: "2026-01-01"
        ),
        Product(
            "jardiance",
            "00597015230",
            "JARDIANCE TB 10MG 30",
            "EA",
            "30",
            "BOEHRINGER INGELHEIM",
            "30",
            fairPriceFrom: "2026-01-01"
        ),
        Product(
            "januvia",
            "00006011231",
            "JANUVIA TB 50MG 30UU",
            "EA",
            "30",
            "MERCK CO INC",
            "30",
            fairPriceFrom: "2026-01-01"
        ),
        Product(
            "farxiga",
            "00310620530",
            "FARXIGA TB 5MG 30",
            "EA",
            "30",
            "ASTRAZENECA",
            "30",
            fairPriceFrom: "2026-01-01"
        ),
        Product(
            "novolog",
            "00169369619",
            "INS NOVOLOG MX 70/30 FLXPN SY 5X3",
            "ML",
            "15",
            "NOVO NORDISK INC",
            "15",
            fairPriceFrom: "2026-01-01"
        ),
        Product(
            "lantus",
            "00088221905",
            "INS LANTUS SOLOSTAR SY 100U/ML5X3",
            "ML",
            "15",
            "SANOFI AVENTIS US LLC",
            "15"
        ),
        Product(
            "fluticasone",
            "66993007996",
            "FLUTICASONE PROP HFA IN110MCG12GM",
            "GM",
            "12",
            "PRASCO LABS",
            "12"
        ),
        Product(
            "latanoprost",
            "61314054703",
            "LATANOPROST DR 0.005% 3X2.5ML",
            "ML",
            "7.5",
            "SANDOZ",
            "7.5"
        ),
        Product(
            "albuterol",
            "00378827052",
            "ALBUTEROL SULF AH 0.083% 25X3MLUD",
            "ML",
            "75",
            "MYLAN PHARM",
            "75"
        ),
    ]

    /// What is given on the wards.
    static let ward: [Product] = [
        Product(
            "cefazolin",
            "00143913925",
            "CEFAZOLIN PR 2GM 25",
            "EA",
            "25",
            "HIKMA INJECTABLE",
            "2"
        ),
        Product(
            "vancomycin",
            "00143916210",
            "VANCOMYCIN HCL PR 1GM 10 PF",
            "EA",
            "10",
            "HIKMA INJECTABLE",
            "2"
        ),
        Product(
            "piperacillin",
            "00409338513",
            "PIPER/TAZ PR 3.375GM 10",
            "EA",
            "10",
            "PFIZER INJECTABLE SI",
            "3"
        ),
        Product(
            "ondansetron",
            "00409475503",
            "ONDANSETRON HCL SF 2MG/ML 25X2ML",
            "ML",
            "50",
            "PFIZER INJECTABLE SI",
            "4"
        ),
        Product(
            "heparin",
            "00069005903",
            "HEPARIN SOD MD 5000U/ML 25X1ML",
            "ML",
            "25",
            "PFIZER INJECTABLE",
            "2"
        ),
        Product(
            "furosemideInjection",
            "00143915525",
            "FUROSEMIDE SD 10MG/ML 25X2ML",
            "ML",
            "50",
            "HIKMA INJECTABLE",
            "4"
        ),
    ]

    /// What only stories use, so that nothing else moves their balances.
    static let stories: [Product] = [
        Product(
            "oxycodone",
            "00406051201",
            "OXYCOD/APAP TB 5-325MG 100 C2",
            "EA",
            "100",
            "SPECGX LLC",
            "20"
        ),
        Product(
            "doxycycline",
            "00143211250",
            "DOXYCYCLINE HYCL TB 100MG 50",
            "EA",
            "50",
            "HIKMA",
            "20"
        ),
        Product(
            "sumatriptan",
            "55111029236",
            "SUMATRIPTAN SUCC TB 50MG 36",
            "EA",
            "36",
            "DR REDDYS LABS INC",
            "36"
        ),
        Product(
            "imatinib",
            "00093763056",
            "IMATINIB MESYLATE TB 400MG 30",
            "EA",
            "30",
            "TEVA PHARMA",
            "30"
        ),
        Product(
            "harvoni",
            "61958180101",
            "HARVONI TB 90-400MG 28",
            "EA",
            "28",
            "GILEAD SCIENCES INC",
            "28"
        ),
        Product(
            "clobetasol",
            "13668056905",
            "CLOBETASOL PROPIONATE CR .05%60GM",
            "GM",
            "60",
            "TORRENT PHARMA INC",
            "60"
        ),
        Product("otezla", "55513013760", "OTEZLA TB 30MG 60", "EA", "60", "AMGEN USA INC", "60"),
        Product(
            "enbrel",
            "58406002104",
            "ENBREL SY 50MG/ML 4X1ML PF",
            "ML",
            "4",
            "AMGEN USA INC",
            "4"
        ),
        Product(
            "biktarvy",
            "61958250103",
            "BIKTARVY TB50-200-25MG 30CPLT BPK",
            "EA",
            "30",
            "GILEAD SCIENCES INC",
            "30"
        ),
        Product(
            "descovy",
            "61958200201",
            "DESCOVY TB 200-25MG 30",
            "EA",
            "30",
            "GILEAD SCIENCES INC",
            "30"
        ),
        Product(
            "revlimid",
            "59572040228",
            "REVLIMID CP 2.5MG 28 DSHP SPD",
            "EA",
            "28",
            "BRISTOL LABS 6",
            "28",
            isOrphan: true
        ),
        Product(
            "pomalyst",
            "59572050121",
            "POMALYST CP 1MG 21 DSHP SPD",
            "EA",
            "21",
            "BRISTOL LABS 6",
            "21",
            isOrphan: true,
            fairPriceFrom: "2027-01-01"
        ),
        Product(
            "xarelto",
            "50458057930",
            "XARELTO TB 20MG 30",
            "EA",
            "30",
            "JOM PHARMA SERV",
            "30",
            fairPriceFrom: "2026-01-01"
        ),
        Product(
            "entresto",
            "00078065920",
            "ENTRESTO TB 24-26MG 60",
            "EA",
            "60",
            "NOVARTIS PHARMACEUTICALS",
            "60",
            fairPriceFrom: "2026-01-01"
        ),
        Product(
            "ozempic",
            "00169413013",
            "OZEMPIC SY 1MG 3ML PPN",
            "ML",
            "3",
            "NOVO NORDISK INC",
            "3",
            fairPriceFrom: "2027-01-01"
        ),
        Product(
            "amoxicillin",
            "00093310953",
            "AMOXICILLIN CP 500MG 50",
            "EA",
            "50",
            "TEVA PHARMA",
            "30"
        ),
        Product(
            "azithromycin",
            "00527237032",
            "AZITHROMYCIN TB 250MG 30 CPLT",
            "EA",
            "30",
            "LANNETT CO INC",
            "6"
        ),
        Product(
            "penicillin",
            "00093117201",
            "PENICILLIN V POT TB 250MG 100",
            "EA",
            "100",
            "TEVA PHARMA",
            "40"
        ),
        Product(
            "nitrofurantoin",
            "00185012201",
            "NITROFUR MONO MAC CP 100MG 100BID",
            "EA",
            "100",
            "SANDOZ",
            "14"
        ),
        Product(
            "naproxen",
            "42494045410",
            "NAPROXEN TB 500MG 100 DR CPLT",
            "EA",
            "100",
            "CAMERON PHARMACEUTICALS LLC",
            "60"
        ),
        Product("prednisone", "00054001825", "PREDNISONE TB 20MG 100", "EA", "100", "HIKMA", "20"),
        Product(
            "methotrexate",
            "00054455015",
            "METHOTREXATE TB 2.5MG 36",
            "EA",
            "36",
            "HIKMA",
            "12"
        ),
        Product(
            "tenofovir",
            "31722053530",
            "TENOFOVIR DF TB 300MG 30",
            "EA",
            "30",
            "CAMBER PHARMA",
            "30"
        ),
        Product(
            "entecavir",
            "31722083330",
            "ENTECAVIR TB 0.5MG 30",
            "EA",
            "30",
            "CAMBER PHARMA",
            "30"
        ),
        Product(
            "brimonidine",
            "00781717770",
            "BRIMONIDINE TART DR0.1% 10ML OPTH",
            "ML",
            "10",
            "SANDOZ",
            "10"
        ),
        Product(
            "keytruda",
            "00006302604",
            "KEYTRUDA SF 25MG/ML 2X4ML SPD",
            "ML",
            "8",
            "MERCK",
            "8"
        ),
    ]

    static let all = routine + ward + stories

    static func named(_ name: String) -> Product {
        guard let product = all.first(where: { $0.name == name }) else {
            preconditionFailure("no product is called \(name)")
        }
        return product
    }
}
