import Foundation
import Testing

@testable import Metrics

/// What Prometheus is told, as text.
struct ExpositionTests {
    private func text(_ registry: Registry) -> String {
        String(decoding: registry.text, as: UTF8.self)
    }

    @Test("A counter is told with its help, its type and its labels")
    func counter() {
        let registry = Registry(prefix: "t_")
        let records = registry.counters(
            "records_total",
            "Records read.",
            labels: ["topic", "partition"]
        )
        records["claims", "10"].add(3)
        records["claims", "2"].add()
        records["claims", "2"].add(-5)
        #expect(
            text(registry) == """
                # HELP t_records_total Records read.
                # TYPE t_records_total counter
                t_records_total{topic="claims",partition="2"} 1
                t_records_total{topic="claims",partition="10"} 3

                """
        )
    }

    @Test("Backslashes, line feeds and quotes do not end a help or a label early")
    func escaping() {
        let registry = Registry(prefix: "")
        registry.gauges("g", "A \"help\" of\ntwo lines \\ one.", labels: ["l"])["a\"b\\c\nd"].set(1)
        #expect(
            text(registry) == #"""
                # HELP g A "help" of\ntwo lines \\ one.
                # TYPE g gauge
                g{l="a\"b\\c\nd"} 1

                """#
        )
    }

    @Test("A gauge that is not known is not told, nor is a family without any")
    func unknown() {
        let registry = Registry(prefix: "")
        let gauge = registry.gauges("g", "G.", labels: ["l"])
        gauge["a"].set(2)
        gauge["b"].set(3)
        gauge["a"].clear()
        #expect(text(registry).contains("g{l=\"b\"} 3\n"))
        #expect(!text(registry).contains("\"a\""))
        gauge.remove("b")
        #expect(text(registry).isEmpty)
    }

    @Test(
        "Numbers are written as Prometheus reads them",
        arguments: [
            (0.0, "0"), (-3, "-3"), (0.25, "0.25"), (1e-9, "1e-09"),
            (123_456_789_012, "123456789012"),
            (9_007_199_254_740_992, "9007199254740992.0"), (.infinity, "+Inf"),
            (-.infinity, "-Inf"),
            (.nan, "NaN"),
        ]
    )
    func numbers(_ value: Double, _ text: String) { #expect(ExpositionText.number(value) == text) }

    @Test("A histogram counts a value in every bucket whose bound is not below it")
    func histogram() {
        let registry = Registry(prefix: "")
        let seconds = registry.histograms("s", "S.", labels: ["role"], bounds: [0.1, 1])["x"]
        for value in [0.05, 0.1, 0.5, 7] { seconds.observe(value) }
        #expect(
            text(registry) == """
                # HELP s S.
                # TYPE s histogram
                s_bucket{role="x",le="0.1"} 2
                s_bucket{role="x",le="1"} 3
                s_bucket{role="x",le="+Inf"} 4
                s_sum{role="x"} 7.65
                s_count{role="x"} 4

                """
        )
    }

    @Test("Values of many threads are all in the sum")
    func threads() async {
        let histogram = Histogram(bounds: [1])
        let counter = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<10_000 {
                        histogram.observe(0.5)
                        counter.add(2)
                    }
                }
            }
        }
        #expect(histogram.cumulative == [80_000, 80_000])
        #expect(histogram.sum == 40_000)
        #expect(counter.value == 160_000)
    }

    @Test("What is asked for only then is set before the text is written")
    func preparation() {
        let registry = Registry(prefix: "")
        let gauge = registry.gauges("g", "G.")
        registry.beforeText { gauge[].set(5) }
        #expect(text(registry).hasSuffix("\ng 5\n"))
    }
}
