import Settings
import Testing

@Suite struct `Settings in force` {
    @Test func `come from flags, then the environment, then the file, then the defaults`() {
        let resolution = resolve(
            flags: [("kafka.retries", "7"), ("kafka.consumer.fetch.min.bytes", "1")],
            environment: [
                "DIVERSION_MONITOR_KAFKA_RETRIES": "5",
                "DIVERSION_MONITOR_APP": "north",
                "DIVERSION_MONITOR_KAFKA_CLIENT_RACK": "a",
                "DIVERSION_MONITOR_CONFIG": "monitor.yaml",
                "HOME": "/home/pharmacist",
            ],
            file: """
                app: south
                kafka:
                  bootstrap: [broker-1:9092, broker-2:9092]
                  consumer.max.poll.interval.ms: 60000
                sources.grace: 1m
                console.token_file: /run/token
                kafka.sasl.password: hunter2
                """
        )
        #expect(told(resolution) == "")
        #expect(resolution.warnings == [])
        #expect(
            resolution.settings.table() == """
                key                                  value                        origin
                app                                  north                        DIVERSION_MONITOR_APP
                kafka.bootstrap                      broker-1:9092,broker-2:9092  monitor.yaml:3:3
                kafka.retries                        7                            --kafka.retries
                sources.grace                        1m                           monitor.yaml:5:1
                sources.start                        earliest                     default
                dry-run                              false                        default
                console.token                        ***                          monitor.yaml:6:1 (read from /run/token)
                kafka.client.rack                    a                            DIVERSION_MONITOR_KAFKA_CLIENT_RACK
                kafka.consumer.fetch.min.bytes       1                            --kafka.consumer.fetch.min.bytes
                kafka.consumer.max.poll.interval.ms  60000                        monitor.yaml:4:3
                kafka.sasl.password                  ***                          monitor.yaml:7:1
                reference                            not set

                """
        )
    }

    @Test func `have the types that were declared`() {
        let settings = resolve(
            flags: [
                ("kafka.bootstrap", "a:1, b:2"), ("kafka.bootstrap", "c:3"), ("dry-run", "true"),
                ("reference", "tables"),
            ],
            environment: ["DIVERSION_MONITOR_CONSOLE_TOKEN_FILE": "/run/token"]
        ).settings
        #expect(settings.string("app") == "diversion-monitor")
        #expect(settings.strings("kafka.bootstrap") == ["a:1", "b:2", "c:3"])
        #expect(settings.integer("kafka.retries") == 3)
        #expect(settings.duration("sources.grace") == .seconds(5))
        #expect(settings.string("sources.start") == "earliest")
        #expect(settings.stringIfSet("reference") == "tables")
        #expect(settings.bool("dry-run"))
        #expect(settings.secret("console.token").reveal() == "swordfish")
        #expect(settings.entry("app")?.origin == .standard)
    }

    @Test func `hand each open prefix its own names, the longest prefix first`() {
        let settings = resolve(
            flags: [("kafka.bootstrap", "a:1")],
            environment: [
                "DIVERSION_MONITOR_KAFKA_CONSUMER_FETCH_MIN_BYTES": "1",
                "DIVERSION_MONITOR_KAFKA_SASL_PASSWORD_FILE": "/run/token",
            ],
            file: "kafka: { client.rack: a, ssl: { ca.location: /etc/ca } }"
        ).settings
        let all = settings.open("kafka.").map { "\($0.name)=\($0.value.reveal())" }
        #expect(all == ["client.rack=a", "sasl.password=swordfish", "ssl.ca.location=/etc/ca"])
        let consumer = settings.open("kafka.consumer.").map { "\($0.name)=\($0.value)" }
        #expect(consumer == ["fetch.min.bytes=1"])
    }

    @Test func `mean the same whether the file nests them or not`() {
        for file in [
            "kafka.bootstrap: [a:1]\nkafka.retries: 4",
            "kafka:\n  bootstrap: a:1\n  retries: 4",
            "kafka: { bootstrap: 'a:1' }\nkafka.retries: \"4\"",
        ] {
            let resolution = resolve(file: file)
            #expect(told(resolution) == "")
            #expect(resolution.settings.strings("kafka.bootstrap") == ["a:1"])
            #expect(resolution.settings.integer("kafka.retries") == 4)
        }
    }

    @Test func `to ask for one that was not declared is a bug`() async {
        await #expect(processExitsWith: .failure) {
            _ = resolve(flags: [("kafka.bootstrap", "a:1")]).settings.string("colour")
        }
    }
}

@Suite struct `Wrong settings` {
    @Test func `are told all at once, each where it was given`() {
        let resolution = resolve(
            flags: [("kafka.retries", "eleven"), ("app", "a"), ("app", "b"), ("ap", "x")],
            environment: [
                "DIVERSION_MONITOR_KAFKA_ISOLATION_LEVEL": "x",
                "DIVERSION_MONITOR_APPP": "",
                "DIVERSION_MONITOR_DRY_RUN": "yes",
            ],
            file: """
                kafka:
                  isolation.level: read_uncommitted
                  consumer.fetch.min.byte: 1
                  retries: 11
                kafka.retries: 3
                kafka.retries_: 3
                reference:
                sources.start: earlist
                sources.grace: 5
                console.token_file: /run/tokn
                dry-run: [true]
                colour: red
                """
        )
        #expect(
            told(resolution) == """
                --kafka.retries: "eleven" is not a whole number. Give one, for example 1.
                --app: it is given twice. Keep one.
                --ap: this is not a setting. Did you mean --app?
                DIVERSION_MONITOR_APPP: this is not a setting. Did you mean DIVERSION_MONITOR_APP?
                DIVERSION_MONITOR_DRY_RUN: "yes" is not a boolean. Give true or false.
                DIVERSION_MONITOR_KAFKA_ISOLATION_LEVEL: kafka.isolation.level cannot be set: the monitor \
                owns this, because it must see committed records only. Remove it.
                monitor.yaml:2:3: kafka.isolation.level cannot be set: the monitor \
                owns this, because it must see committed records only. Remove it.
                monitor.yaml:3:3: kafka.consumer.fetch.min.byte is not a setting. \
                Did you mean kafka.consumer.fetch.min.bytes?
                monitor.yaml:4:3: kafka.retries: "11" is too large. The most is 10.
                monitor.yaml:7:1: reference: no value is given. Give one or delete the line.
                monitor.yaml:8:1: sources.start: "earlist" is not one of its values. \
                Did you mean earliest? Give earliest or latest.
                monitor.yaml:9:1: sources.grace: "5" is not a duration. \
                Give a number and its unit, for example 200ms, 5s or 2d.
                monitor.yaml:11:1: dry-run: a list stands where one value is expected.
                monitor.yaml:12:1: colour is not a setting.
                monitor.yaml:10:1: could not read console.token from /run/tokn: it does not exist.
                kafka.bootstrap is missing: The brokers to begin with. Give it as \
                --kafka.bootstrap HOST:PORT, as DIVERSION_MONITOR_KAFKA_BOOTSTRAP or in the settings file.
                """
        )
        #expect(
            resolution.warnings.map(\.description) == [
                "monitor.yaml:6:1: kafka.retries_ is passed on as it is. Did you mean kafka.retries?"
            ]
        )
    }

    @Test(arguments: [
        ("- a", "monitor.yaml:1:1: settings are expected, each as \"key: value\"."),
        (
            "dry-run: false\n---\ndry-run: true",
            "monitor.yaml:3:1: a second document begins. Keep one."
        ),
        (
            "console.token: *swordfish",
            "monitor.yaml:1:16: an alias (*) is not taken."
                + " Delete it, or put the text in quotes if it belongs to it."
        ),
        ("app: x\napp: y", "monitor.yaml:2:1: \"app\" stands twice, first in line 1. Keep one."),
        (
            "app:\n\tx: 1",
            "monitor.yaml:2:1: could not read the YAML: a tab stands where YAML takes only spaces."
                + " Indent with spaces."
        ),
        (
            "kafka: { retries: 1 }\nkafka.retries: 2",
            "monitor.yaml:2:1: kafka.retries: it is given twice, first as monitor.yaml:1:10. Keep one."
        ),
        (
            "kafka.bootstrap: [a:1, [b:2]]",
            "monitor.yaml:1:24: kafka.bootstrap: an element is not text."
        ),
        (
            "sources.grace: 500ms",
            "monitor.yaml:1:1: sources.grace: \"500ms\" is too short. The least is 1s."
        ),
        (
            "sources.grace: 2h",
            "monitor.yaml:1:1: sources.grace: \"2h\" is too long. The most is 1h."
        ),
        (
            "kafka.retries: -1",
            "monitor.yaml:1:1: kafka.retries: \"-1\" is too small. The least is 0."
        ),
        (
            "kafka.retries: 010",
            "monitor.yaml:1:1: kafka.retries: \"010\" is not a whole number. Give one, for example 1."
        ),
        (
            "dry-run: yes",
            "monitor.yaml:1:1: dry-run: \"yes\" is not a boolean. Give true or false."
        ),
        ("reference: ''", "monitor.yaml:1:1: reference: \"\" is not a path. Give one."),
        (
            "console.token: ''",
            "monitor.yaml:1:1: console.token: its value is empty. Give the secret, or a file that holds it."
        ),
        (
            "console.tokn: x",
            "monitor.yaml:1:1: console.tokn is not a setting. Did you mean console.token?"
        ),
        ("kafka: ~", "monitor.yaml:1:1: kafka: no value is given. Give one or delete the line."),
        ("app_file: x", "monitor.yaml:1:1: app_file is not a setting."),
    ])
    func `in a file are told with their place`(file: String, message: String) {
        let flags = file.contains("bootstrap") ? [] : [("kafka.bootstrap", "a:1")]
        #expect(told(resolve(flags: flags.map { ($0.0, $0.1) }, file: file)) == message)
    }

    @Test func `that are missing are not asked for after a file that could not be read`() {
        #expect(told(resolve(file: "# only comments")).hasPrefix("kafka.bootstrap is missing"))
        #expect(!told(resolve(file: "app: [")).contains("is missing"))
    }

    @Test func `are told even where a flag hides them`() {
        let resolution = resolve(
            flags: [("kafka.bootstrap", "a:1"), ("kafka.retries", "1")],
            file: "kafka.retries: 99"
        )
        #expect(
            told(resolution)
                == "monitor.yaml:1:1: kafka.retries: \"99\" is too large. The most is 10."
        )
        #expect(resolution.settings.integer("kafka.retries") == 1)
    }
}

@Suite struct `A secret` {
    @Test func `is not printed, whoever asks`() {
        let settings = resolve(
            flags: [("kafka.bootstrap", "a:1")],
            file: "console.token: swordfish"
        ).settings
        var dumped = ""
        dump(settings.secret("console.token"), to: &dumped)
        dump(settings.entries, to: &dumped)
        let printed =
            "\(settings.secret("console.token")) \(settings.table()) \(dumped)"
            + String(reflecting: settings.secret("console.token"))
        #expect(!printed.contains("swordfish"))
        #expect(printed.hasPrefix("*** "))
    }

    @Test(arguments: [
        (0o100600, nil), (0o100640, nil),
        (0o100644, "/run/token holds a secret and is open to every user. Run chmod 600 on it."),
        (0o100602, "/run/token holds a secret and is open to every user. Run chmod 600 on it."),
    ])
    func `in a file others may read is taken with a warning`(mode: Int, warning: String?) {
        let resolution = resolve(
            flags: [("kafka.bootstrap", "a:1")],
            file: "console.token_file: /run/token",
            secrets: ["/run/token": SecretFile(text: "x", mode: UInt32(mode))]
        )
        #expect(told(resolution) == "")
        #expect(
            resolution.warnings.map(\.description)
                == (warning.map { ["monitor.yaml:1:1: \($0)"] } ?? [])
        )
    }

    @Test func `on the command line is taken with a warning`() {
        let resolution = resolve(flags: [
            ("kafka.bootstrap", "a:1"), ("console.token", "swordfish"),
        ])
        #expect(
            resolution.warnings.map(\.description) == [
                "--console.token: every user of this machine can see it. Give console.token_file."
            ]
        )
    }

    @Test func `loses one line end at its end, no more`() {
        for (text, secret) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a ")] {
            let resolution = resolve(
                flags: [("kafka.bootstrap", "a:1"), ("console.token_file", "/s")],
                secrets: ["/s": SecretFile(text: text, mode: 0o600)]
            )
            #expect(resolution.settings.secret("console.token").reveal() == secret)
        }
    }

    @Test func `given as text and as a file in one place is refused, in two the stronger wins`() {
        let flags = [("kafka.bootstrap", "a:1")].map { (name: $0.0, value: $0.1) }
        #expect(
            told(resolve(flags: flags, file: "console.token: x\nconsole.token_file: /run/token"))
                == "monitor.yaml:2:1: console.token: it is given twice, first as monitor.yaml:1:1. Keep one."
        )
        let resolution = resolve(
            flags: flags,
            environment: ["DIVERSION_MONITOR_CONSOLE_TOKEN": "stronger"],
            file: "console.token_file: /run/missing"
        )
        #expect(told(resolution) == "")
        #expect(resolution.settings.secret("console.token").reveal() == "stronger")
    }

    @Test func `that is an empty file is no secret`() {
        let resolution = resolve(
            flags: [("kafka.bootstrap", "a:1"), ("console.token_file", "/s")],
            secrets: ["/s": SecretFile(text: "\n", mode: 0o600)]
        )
        #expect(
            told(resolution)
                == "--console.token_file: could not read console.token from /s: it is empty."
                + " Put the secret there."
        )
    }
}

@Suite struct `The file config init writes` {
    private let template = schema.template(program: "diversion-monitor")

    @Test func `explains every setting`() {
        #expect(
            template.hasPrefix(
                """
                # Settings of diversion-monitor.
                #
                # To set one, delete the # before its key. Every setting may also be given as a flag,
                # --KEY VALUE, or as the environment variable that is named beside it. A flag wins over
                # the environment, the environment over this file, this file over the default.
                # An unknown key is an error.

                # The name of this installation.
                # Text. Default: diversion-monitor.
                # Environment: DIVERSION_MONITOR_APP
                #app: diversion-monitor

                # The brokers to begin with.
                # A list. Required.
                # Environment: DIVERSION_MONITOR_KAFKA_BOOTSTRAP
                #kafka.bootstrap: ['HOST:PORT']

                # How often to try again.
                # A whole number from 0 to 10. Default: 3.
                # Environment: DIVERSION_MONITOR_KAFKA_RETRIES
                #kafka.retries: 3

                """
            )
        )
        #expect(
            template.hasSuffix(
                """
                # The token that opens the console.
                # A secret.
                # Environment: DIVERSION_MONITOR_CONSOLE_TOKEN
                # Better kept in a file of its own that only this program can read.
                #console.token_file: PATH

                # kafka.NAME: Settings of librdkafka for all clients.

                # kafka.consumer.NAME: Settings of librdkafka for consumers.

                # These cannot be set:
                # kafka.isolation.level: the monitor owns this, because it must see committed records only.

                """
            )
        )
    }

    @Test func `sets nothing as it stands`() {
        let resolution = resolve(flags: [("kafka.bootstrap", "a:1")], file: template)
        #expect(told(resolution) == "")
        #expect(
            resolution.settings.entries.allSatisfy {
                $0.origin == .standard || $0.key == "kafka.bootstrap"
            }
        )
    }

    @Test func `sets every default when each line is uncommented`() {
        let lines = template.split(separator: "\n").map { line in
            line.hasPrefix("#") && !line.hasPrefix("# ") ? String(line.dropFirst()) : String(line)
        }
        let resolution = resolve(
            file: lines.joined(separator: "\n"),
            secrets: ["PATH": SecretFile(text: "x", mode: 0o600)]
        )
        #expect(told(resolution) == "")
        for setting in schema.settings {
            let entry = resolution.settings.entry(setting.key)
            #expect(entry != nil, "\(setting.key)")
            if let text = setting.defaultText { #expect(entry?.value.description == text) }
        }
    }
}
