import Settings
import Testing

@Suite struct `Settings in force` {
    @Test func `come from flags, then the environment, then the file, then the defaults`() {
        let resolution = resolve(
            flags: [("kafka.retries", "7"), ("kafka.consumer.fetch.min.bytes", "1")],
            environment: [
                "DIVERSION_MONITOR_KAFKA_RETRIES": "5", "DIVERSION_MONITOR_APP": "north",
                "DIVERSION_MONITOR_KAFKA_CLIENT_RACK": "a", "HOME": "/root",
                "DIVERSION_MONITOR_CONFIG": "monitor.yaml",
            ],
            file: """
                app: south
                kafka:
                  bootstrap: [broker-1:9092, broker-2:9092]
                  consumer.max.poll.interval.ms: 60000
                sources.grace: 1m
                console.token_file: /run/token
                kafka.sasl.password: hunter2
                """)
        #expect(told(resolution) == "")
        #expect(resolution.warnings == [])
        #expect(resolution.settings.table() == "x")
    }
    @Test func `errors`() {
        let resolution = resolve(
            flags: [("kafka.retires", "7"), ("kafka.retries", "eleven"), ("app", "a"), ("app", "b"), ("ap", "x")],
            environment: ["DIVERSION_MONITOR_KAFKA_ISOLATION_LEVEL": "x", "DIVERSION_MONITOR_APPP": "", "DIVERSION_MONITOR_DRY_RUN": "yes"],
            file: """
                kafka:
                  isolation.level: read_uncommitted
                  consumer.fetch.min.byte: 1
                  retries: 11
                kafka.retries: 3
                reference:
                sources.start: earlist
                sources.grace: 5
                console.token_file: /run/tokn
                dry-run: [true]
                colour: red
                """)
        print(told(resolution))
        print(resolution.settings.table())
        print(schema.template(program: "diversion-monitor"))
        for text in ["- a", "a: 1\n---\nb: 2", "a: &x 1\nb: [", "# x"] { print(told(resolve(file: text))) }
    }
}
