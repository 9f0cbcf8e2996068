// Names, packages and labelers are real; which drugs are orphans, and whom a labeler supplies, is the sample's own world.
//
// Columns: name, NDC, description, unit, package size, labeler, quantity of a fill; then `orphan`, and the first day of a
// fair price.
extension Product {
    /// What patients take for months: the routine.
    static let routine = rows(
        """
        sertraline          | 23155075903 | SERTRALINE HCL TB 100MG 30        | EA | 30  | AVET PHARMA INC             | 30
        escitalopram        | 13668013601 | ESCITALOPRAM TB 10MG 100          | EA | 100 | TORRENT PHARMA INC          | 30
        topiramate          | 29300011716 | TOPIRAMATE TB 100MG 60            | EA | 60  | UNICHEM PHARMACEUTICAL USA  | 60
        propranolol         | 00378018401 | PROPRANOLOL TB 40MG 100           | EA | 100 | MYLAN PHARM                 | 60
        buspirone           | 00093005401 | BUSPIRONE HCL TB 10MG 100         | EA | 100 | TEVA PHARMA                 | 60
        simvastatin         | 65862005290 | SIMVASTATIN TB 20MG 90            | EA | 90  | AUROBINDO PHARMA USA        | 30
        atorvastatin        | 00378395277 | ATORVASTATIN TB 40MG 90           | EA | 90  | MYLAN PHARM                 | 30
        omeprazole          | 00378615077 | OMEPRAZOLE CP 20MG 90 DR          | EA | 90  | MYLAN PHARM                 | 30
        famotidine          | 00172572860 | FAMOTIDINE TB 20MG 100            | EA | 100 | TEVA PHARMA                 | 60
        lisinopril          | 62135064290 | LISINOPRIL TB 10MG 90 ONCE-DAILY  | EA | 90  | CHARTWELL RX LLC            | 30
        losartan            | 31722070190 | LOSARTAN POT TB 50MG 90           | EA | 90  | CAMBER PHARMA               | 30
        amlodipine          | 68180045501 | AMLODIPINE BESYL TB 5MG 90 CPLT   | EA | 90  | LUPIN PHARMA INC            | 30
        metoprolol          | 00378001801 | METOPROLOL TART TB 25MG 100       | EA | 100 | MYLAN PHARM                 | 60
        furosemide          | 00054429925 | FUROSEMIDE TB 40MG 100            | EA | 100 | HIKMA                       | 30
        clopidogrel         | 43598012130 | CLOPIDOGREL TB 75MG 30            | EA | 30  | DR REDDYS LABS INC          | 30
        warfarin            | 00093172101 | WARFARIN SOD TB 5MG 100 CPLT      | EA | 100 | TEVA PHARMA                 | 30
        metformin           | 00378600291 | METFORMIN TB 500MG 60 ER          | EA | 60  | MYLAN PHARM                 | 60
        gabapentin          | 16571086801 | GABAPENTIN CP 300MG 100           | EA | 100 | RISING PHARMA HOLDINGS INC  | 90
        hydrochlorothiazide | 00172208360 | HYDROCHLOROTHIAZIDE TB 25MG 100   | EA | 100 | TEVA PHARMA                 | 30
        eliquis             | 00003089421 | ELIQUIS TB 5MG 60                 | EA | 60  | BRISTOL                     | 60  |        | 2026-01-01
        jardiance           | 00597015230 | JARDIANCE TB 10MG 30              | EA | 30  | BOEHRINGER INGELHEIM        | 30  |        | 2026-01-01
        januvia             | 00006011231 | JANUVIA TB 50MG 30UU              | EA | 30  | MERCK CO INC                | 30  |        | 2026-01-01
        farxiga             | 00310620530 | FARXIGA TB 5MG 30                 | EA | 30  | ASTRAZENECA                 | 30  |        | 2026-01-01
        novolog             | 00169369619 | INS NOVOLOG MX 70/30 FLXPN SY 5X3 | ML | 15  | NOVO NORDISK INC            | 15  |        | 2026-01-01
        lantus              | 00088221905 | INS LANTUS SOLOSTAR SY 100U/ML5X3 | ML | 15  | SANOFI AVENTIS US LLC       | 15
        fluticasone         | 66993007996 | FLUTICASONE PROP HFA IN110MCG12GM | GM | 12  | PRASCO LABS                 | 12
        latanoprost         | 61314054703 | LATANOPROST DR 0.005% 3X2.5ML     | ML | 7.5 | SANDOZ                      | 7.5
        albuterol           | 00378827052 | ALBUTEROL SULF AH 0.083% 25X3MLUD | ML | 75  | MYLAN PHARM                 | 75
        """
    )

    /// What is given on the wards.
    static let ward = rows(
        """
        cefazolin           | 00143913925 | CEFAZOLIN PR 2GM 25               | EA | 25  | HIKMA INJECTABLE            | 2
        vancomycin          | 00143916210 | VANCOMYCIN HCL PR 1GM 10 PF       | EA | 10  | HIKMA INJECTABLE            | 2
        piperacillin        | 00409338513 | PIPER/TAZ PR 3.375GM 10           | EA | 10  | PFIZER INJECTABLE SI        | 3
        ondansetron         | 00409475503 | ONDANSETRON HCL SF 2MG/ML 25X2ML  | ML | 50  | PFIZER INJECTABLE SI        | 4
        heparin             | 00069005903 | HEPARIN SOD MD 5000U/ML 25X1ML    | ML | 25  | PFIZER INJECTABLE           | 2
        furosemideInjection | 00143915525 | FUROSEMIDE SD 10MG/ML 25X2ML      | ML | 50  | HIKMA INJECTABLE            | 4
        """
    )

    /// What only stories use, so that nothing else moves their balances.
    static let stories = rows(
        """
        oxycodone           | 00406051201 | OXYCOD/APAP TB 5-325MG 100 C2     | EA | 100 | SPECGX LLC                  | 20
        doxycycline         | 00143211250 | DOXYCYCLINE HYCL TB 100MG 50      | EA | 50  | HIKMA                       | 20
        sumatriptan         | 55111029236 | SUMATRIPTAN SUCC TB 50MG 36       | EA | 36  | DR REDDYS LABS INC          | 36
        imatinib            | 00093763056 | IMATINIB MESYLATE TB 400MG 30     | EA | 30  | TEVA PHARMA                 | 30
        harvoni             | 61958180101 | HARVONI TB 90-400MG 28            | EA | 28  | GILEAD SCIENCES INC         | 28
        clobetasol          | 13668056905 | CLOBETASOL PROPIONATE CR .05%60GM | GM | 60  | TORRENT PHARMA INC          | 60
        otezla              | 55513013760 | OTEZLA TB 30MG 60                 | EA | 60  | AMGEN USA INC               | 60
        enbrel              | 58406002104 | ENBREL SY 50MG/ML 4X1ML PF        | ML | 4   | AMGEN USA INC               | 4
        biktarvy            | 61958250103 | BIKTARVY TB50-200-25MG 30CPLT BPK | EA | 30  | GILEAD SCIENCES INC         | 30
        descovy             | 61958200201 | DESCOVY TB 200-25MG 30            | EA | 30  | GILEAD SCIENCES INC         | 30
        revlimid            | 59572040228 | REVLIMID CP 2.5MG 28 DSHP SPD     | EA | 28  | BRISTOL LABS 6              | 28  | orphan
        pomalyst            | 59572050121 | POMALYST CP 1MG 21 DSHP SPD       | EA | 21  | BRISTOL LABS 6              | 21  | orphan | 2027-01-01
        xarelto             | 50458057930 | XARELTO TB 20MG 30                | EA | 30  | JOM PHARMA SERV             | 30  |        | 2026-01-01
        entresto            | 00078065920 | ENTRESTO TB 24-26MG 60            | EA | 60  | NOVARTIS PHARMACEUTICALS    | 60  |        | 2026-01-01
        ozempic             | 00169413013 | OZEMPIC SY 1MG 3ML PPN            | ML | 3   | NOVO NORDISK INC            | 3   |        | 2027-01-01
        amoxicillin         | 00093310953 | AMOXICILLIN CP 500MG 50           | EA | 50  | TEVA PHARMA                 | 30
        azithromycin        | 00527237032 | AZITHROMYCIN TB 250MG 30 CPLT     | EA | 30  | LANNETT CO INC              | 6
        penicillin          | 00093117201 | PENICILLIN V POT TB 250MG 100     | EA | 100 | TEVA PHARMA                 | 40
        nitrofurantoin      | 00185012201 | NITROFUR MONO MAC CP 100MG 100BID | EA | 100 | SANDOZ                      | 14
        naproxen            | 42494045410 | NAPROXEN TB 500MG 100 DR CPLT     | EA | 100 | CAMERON PHARMACEUTICALS LLC | 60
        prednisone          | 00054001825 | PREDNISONE TB 20MG 100            | EA | 100 | HIKMA                       | 20
        methotrexate        | 00054455015 | METHOTREXATE TB 2.5MG 36          | EA | 36  | HIKMA                       | 12
        tenofovir           | 31722053530 | TENOFOVIR DF TB 300MG 30          | EA | 30  | CAMBER PHARMA               | 30
        entecavir           | 31722083330 | ENTECAVIR TB 0.5MG 30             | EA | 30  | CAMBER PHARMA               | 30
        brimonidine         | 00781717770 | BRIMONIDINE TART DR0.1% 10ML OPTH | ML | 10  | SANDOZ                      | 10
        keytruda            | 00006302604 | KEYTRUDA SF 25MG/ML 2X4ML SPD     | ML | 8   | MERCK                       | 8
        """
    )

    static let all = routine + ward + stories

    static func named(_ name: String) -> Product {
        guard let product = all.first(where: { $0.name == name }) else {
            preconditionFailure("no product is called \(name)")
        }
        return product
    }
}
