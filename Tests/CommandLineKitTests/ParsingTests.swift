import CommandLineKit
import Testing

@Suite struct `A command line` {
    @Test func `gives options, arguments and defaults their values`() async {
        let run = await run(
            "topics plan a.json --format=json -c m.yaml --cluster eu --only x --only y b.json")
        #expect(
            run.output == """
                files ["a.json", "b.json"]
                format json
                partitions 12
                timeout 5.0 seconds
                only ["x", "y"]
                cluster eu
                color true
                config m.yaml

                """)
        #expect(run.errors == "")
        #expect(run.status == .success)
    }
    @Test func `bad`() async {
        for line in [
            "topics pln", "topcs", "topics", "topics plan --formt json --partitions 0 --timeout 5 x",
            "topics plan --cluster", "topics plan --cluster a --cluster b --no-format",
            "journal dump", "journal dump x y z w", "config check", "help topics pln", "completions pwsh",
            "topics plan --cluster=eu --shards 3 -- --x", "run --kafka.consumer.fetch.min.bytes 1 --kafka.x=2",
            "run --kafka.x", "--version", "", "topics plan --help", "--help", "help topics", "manual",
        ] {
            let result = await run(line)
            print("$ \(line)\n\(result.output)\(result.errors)=> \(result.status.code)\n")
        }
    }
}
