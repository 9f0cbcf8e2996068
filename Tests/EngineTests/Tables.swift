/// The reference tables of the random worlds: each rule has a row on either side of it.
enum Tables {
    struct Product {
        var code: String
        var spellings: [String]
        var unit: String
        var quantities: [String]
    }

    static let products = [
        Product(
            code: "11111000130",
            spellings: ["11111000130", "11111-0001-30"],
            unit: "EA",
            quantities: ["30", "30.000", "15", "60"]
        ),
        Product(
            code: "11111000210",
            spellings: ["11111000210", "11111-0002-10", "11111-002-10", "11111-0002-10"],
            unit: "EA",
            quantities: ["30", "90", "250"]
        ),
        Product(
            code: "11111000302",
            spellings: ["11111000302"],
            unit: "ML",
            quantities: ["1", "2.5", "0.75"]
        ),
        Product(code: "11111000430", spellings: ["11111000430"], unit: "EA", quantities: ["30"]),
        Product(
            code: "11111000530",
            spellings: ["11111000530"],
            unit: "EA",
            quantities: ["30", "60"]
        ),
        Product(code: "22222000130", spellings: ["22222000130"], unit: "EA", quantities: ["30"]),
        Product(code: "33333000130", spellings: ["33333000130"], unit: "EA", quantities: ["30"]),
        Product(
            code: "99999999999",
            spellings: ["99999999999", "1234567890"],
            unit: "EA",
            quantities: ["30"]
        ),
    ]

    static let pharmacies = [
        "2000000010", "2000000010", "2000000028", "2000000036", "2000000044", "2000000051",
    ]
    static let providers = [
        "1000000012", "1000000012", "1000000020", "1000000038", "1000000046", "1000000053",
    ]

    static func sites(of entity: String) -> [String] {
        entity == "DSH1"
            ? ["DSH1", "DSH1", "DSH1", "DSH1A", "DSH1B"]
            : ["RRC1", "RRC1", "RRC1", "RRC1-OFF-SITE"]
    }

    static let csv = [
        "covered_entities.csv": """
        covered_entity_id,entity_type,name,state,medicaid_ffs,medicaid_mco,\
        effective_from,effective_to
        DSH1,DSH,General Hospital,MA,carve_out,carve_in,2015-01-01,2025-03-18
        DSH1,DSH,General Hospital,MA,carve_in,carve_in,2025-03-19,
        RRC1,RRC,Rural Hospital,MA,carve_in,carve_out,2015-01-01,

        """,
        "sites.csv": """
        site_id,covered_entity_id,name,effective_from,effective_to
        DSH1,DSH1,Main,2015-01-01,
        DSH1A,DSH1,Clinic,2015-01-01,2025-03-10
        DSH1B,DSH1,New clinic,2025-03-05,
        RRC1,RRC1,Main,2015-01-01,

        """,
        "providers.csv": """
        npi,covered_entity_id,relationship,effective_from,effective_to
        1000000012,DSH1,employed,2015-01-01,
        1000000012,RRC1,employed,2015-01-01,
        1000000020,DSH1,employed,2015-01-01,
        1000000038,DSH1,referral,2015-01-01,
        1000000038,RRC1,referral,2015-01-01,
        1000000046,DSH1,contracted,2025-03-01,2025-03-10
        1000000046,DSH1,referral,2025-03-08,2025-03-09

        """,
        "pharmacies.csv": """
        npi,covered_entity_id,name,arrangement,effective_from,effective_to,\
        medicaid_ffs,medicaid_mco
        2000000010,DSH1,Main,in_house,2015-01-01,,,
        2000000010,RRC1,Main,in_house,2015-01-01,,,
        2000000028,DSH1,Corner,contract,2015-01-01,,,
        2000000028,RRC1,Corner,contract,2015-01-01,,,
        2000000036,DSH1,Hill,contract,2015-01-01,,carve_in,carve_out
        2000000044,DSH1,Lake,contract,2025-03-05,2025-03-15,,

        """,
        "products.csv": """
        ndc11,description,billing_unit,package_size,labeler,orphan,mfp_from
        11111000130,Plain,EA,30,Alpha,0,
        11111000210,Bottle,EA,100,Alpha,0,
        11111000302,Liquid,ML,2.5,Alpha,0,
        11111000430,Orphan,EA,30,Alpha,1,
        11111000530,Fair price,EA,30,Alpha,0,2025-03-10
        22222000130,Restricted,EA,30,Beta,0,
        33333000130,Designated,EA,30,Gamma,0,

        """,
        "payers.csv": """
        bin,pcn,group,payer_type,state
        100,,,commercial,
        200,,,medicaid_ffs,MA
        300,,,medicaid_mco,MA
        300,A,,commercial,
        300,,G,medicaid_ffs,MA
        400,,,medicare_d,

        """,
        "restrictions.csv": """
        labeler,entity_type,rule,effective_from,effective_to
        Beta,DSH,no_contract,2025-03-10,
        Gamma,,designated_only,2015-01-01,

        """,
        "designations.csv": """
        covered_entity_id,labeler,pharmacy_npi,effective_from,effective_to
        DSH1,Gamma,2000000028,2015-01-01,

        """,
    ]
}
