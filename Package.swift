// swift-tools-version: 6.2
import PackageDescription

/// One list of strict settings for every target; warnings are errors everywhere.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .treatAllWarnings(as: .error),
]
/// Products: every unsafe construct carries the word `unsafe`.
let safe = strict + [.strictMemorySafety()]
/// Modules that define or hold views over borrowed bytes.
let views = safe + [.enableExperimentalFeature("Lifetimes")]
/// Tests: `strict` is enough where nothing is shipped.
let tests = strict + [.enableExperimentalFeature("Lifetimes")]
/// What runs on fibers: accesses are not watched, as the runtime's list of them is one a thread.
let simulated = tests + [.unsafeFlags(["-enforce-exclusivity=unchecked"])]

let package = Package(
    name: "diversion-monitor",
    products: [
        .executable(name: "diversion-monitor", targets: ["diversion-monitor"])
    ],
    targets: [
        // C libraries, from Debian's packages, and one header of our own.
        .systemLibrary(name: "CKafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(
            name: "COpenSSL",
            pkgConfig: "libcrypto",
            providers: [.apt(["libssl-dev"])]
        ),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(
            name: "CZstd",
            pkgConfig: "libzstd",
            providers: [.apt(["libzstd-dev"])]
        ),
        .systemLibrary(
            name: "CXXHash",
            pkgConfig: "libxxhash",
            providers: [.apt(["libxxhash-dev"])]
        ),
        .systemLibrary(
            name: "CHTTP",
            pkgConfig: "libmicrohttpd",
            providers: [.apt(["libmicrohttpd-dev"])]
        ),
        .target(name: "CShims"),

        // From the bottom up.
        .target(name: "Kafka", dependencies: ["CKafka"], swiftSettings: views),
        .target(name: "Journal", dependencies: ["COpenSSL"], swiftSettings: views),
        .target(
            name: "Ingest",
            dependencies: ["Journal", "Wording", "YAML", "CShims"],
            swiftSettings: views
        ),
        .target(name: "Engine", dependencies: ["Journal", "CShims"], swiftSettings: views),
        .target(
            name: "Pipeline",
            dependencies: [
                "Engine", "Ingest", "Journal", "Kafka", "Metrics", "CShims", "CZstd", "CXXHash",
            ],
            swiftSettings: views
        ),

        // What other programs ask of a running monitor. Neither knows what is counted or answered.
        .target(name: "Metrics", swiftSettings: safe),
        .target(name: "HTTP", dependencies: ["CHTTP"], swiftSettings: safe),

        // What people type and read. They know nothing of events, so any module may be shown to
        // a person with the same spelling of durations, numbers and "did you mean".
        .target(name: "Wording", swiftSettings: safe),
        .target(name: "YAML", dependencies: ["CYAML", "Wording"], swiftSettings: safe),
        .target(name: "Settings", dependencies: ["Wording", "YAML"], swiftSettings: safe),
        .target(name: "CommandLineKit", dependencies: ["Wording"], swiftSettings: safe),
        .executableTarget(
            name: "diversion-monitor",
            dependencies: [
                "CommandLineKit", "Engine", "HTTP", "Ingest", "Journal", "Kafka", "Metrics",
                "Pipeline", "Settings", "Wording", "YAML",
            ],
            swiftSettings: views
        ),

        // Tools of the repository: measurements, and the sample data of the demonstration.
        .executableTarget(
            name: "benchmark",
            dependencies: ["Engine", "Ingest", "Journal", "Kafka", "Pipeline", "CZstd"],
            swiftSettings: views
        ),
        .executableTarget(name: "sample-data", swiftSettings: safe),

        // Tests beside each module; TestKit is what they share.
        .target(
            name: "TestKit",
            dependencies: ["Engine", "Ingest", "Journal", "Pipeline"],
            path: "Tests/TestKit",
            swiftSettings: tests
        ),
        // The service as a process of its own, for tests that kill it, and tools for them.
        .executableTarget(
            name: "service-stage",
            dependencies: ["Engine", "Ingest", "Journal", "Kafka", "Pipeline"],
            path: "Tests/ServiceStage",
            swiftSettings: tests
        ),
        // A network between clients and a broker that delays, loses, doubles and falsifies chosen requests.
        .target(name: "KafkaFaultProxy", path: "Tests/KafkaFaultProxy", swiftSettings: tests),
        .testTarget(
            name: "KafkaFaultProxyTests",
            dependencies: ["KafkaFaultProxy"],
            path: "Tests/KafkaFaultProxyTests",
            swiftSettings: tests
        ),
        .testTarget(name: "MetricsTests", dependencies: ["Metrics"], swiftSettings: strict),
        .testTarget(name: "HTTPTests", dependencies: ["HTTP", "TestKit"], swiftSettings: tests),
        // The pipeline on a simulated Kafka with simulated threads: the same sources, other modules below.
        .target(name: "CFibers", path: "Tests/CFibers"),
        .target(
            name: "Simulator",
            dependencies: ["CFibers"],
            path: "Tests/Simulator",
            swiftSettings: simulated
        ),
        .target(
            name: "SimulatedKafka",
            dependencies: ["CKafka", "Simulator"],
            path: "Tests/SimulatedKafka",
            swiftSettings: simulated
        ),
        .target(
            name: "SimulatedPipeline",
            dependencies: [
                "Engine", "Ingest", "Journal", "Metrics", "SimulatedKafka", "Simulator", "CShims",
                "CZstd", "CXXHash",
            ],
            path: "Tests/SimulatedPipeline",
            // Its threads are others; what reads and writes files, and the tools, have no part in it.
            exclude: [
                "Pipeline/Threads", "Pipeline/Replay", "Pipeline/Explain", "Pipeline/JournalFiles",
                "Pipeline/Offline",
            ],
            swiftSettings: simulated + [
                .unsafeFlags(["-module-alias", "Kafka=SimulatedKafka"])
            ]
        ),
        .target(
            name: "SimulationKit",
            dependencies: [
                "CFibers", "Engine", "Ingest", "Journal", "SimulatedKafka", "SimulatedPipeline",
                "Simulator",
            ],
            path: "Tests/SimulationKit",
            swiftSettings: simulated
        ),
        .executableTarget(
            name: "simulate",
            dependencies: ["SimulationKit"],
            path: "Tests/Simulate",
            swiftSettings: tests
        ),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["SimulationKit"],
            path: "Tests/SimulationTests",
            swiftSettings: tests
        ),
        // One suite of files, on the real Kafka and on the simulated one.
        .testTarget(
            name: "KafkaConformanceTests",
            dependencies: ["Kafka", "TestKit"],
            path: "Tests/KafkaConformanceTests",
            swiftSettings: tests
        ),
        .testTarget(
            name: "SimulatedConformanceTests",
            dependencies: ["SimulatedKafka", "Simulator"],
            path: "Tests/SimulatedConformanceTests",
            swiftSettings: simulated + [
                .unsafeFlags(["-module-alias", "Kafka=SimulatedKafka"])
            ]
        ),
        .testTarget(name: "WordingTests", dependencies: ["Wording"], swiftSettings: strict),
        .testTarget(name: "YAMLTests", dependencies: ["YAML"], swiftSettings: strict),
        .testTarget(name: "SettingsTests", dependencies: ["Settings"], swiftSettings: strict),
        .testTarget(
            name: "CommandLineKitTests",
            dependencies: ["CommandLineKit"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "KafkaTests",
            dependencies: ["Kafka", "KafkaFaultProxy", "TestKit"],
            swiftSettings: tests
        ),
        .testTarget(
            name: "IngestTests",
            dependencies: ["Ingest", "Journal", "TestKit", "YAML"],
            swiftSettings: tests
        ),
        .testTarget(
            name: "EngineTests",
            dependencies: ["Engine", "Ingest", "Journal", "Pipeline", "TestKit"],
            swiftSettings: tests
        ),
        .testTarget(
            name: "ScenarioTests",
            dependencies: ["Engine", "Ingest", "Journal", "Pipeline", "TestKit", "sample-data"],
            swiftSettings: tests
        ),
        .testTarget(
            name: "PipelineTests",
            dependencies: [
                "Engine", "Ingest", "Journal", "Kafka", "KafkaFaultProxy", "Metrics", "Pipeline",
                "TestKit", "service-stage",
            ],
            swiftSettings: tests
        ),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "Ingest", "Journal", "Kafka", "Pipeline", "TestKit", "diversion-monitor",
            ],
            exclude: ["help"],
            swiftSettings: tests
        ),
        .testTarget(name: "ArchitectureTests", dependencies: ["TestKit"], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
