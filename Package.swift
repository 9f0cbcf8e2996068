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
/// Modules that define views over borrowed bytes.
let views = safe + [.enableExperimentalFeature("Lifetimes")]

let package = Package(
    name: "diversion-monitor",
    products: [
        .executable(name: "diversion-monitor", targets: ["diversion-monitor"])
    ],
    targets: [
        // C libraries, from Debian's packages, and one header of our own.
        .systemLibrary(name: "CKafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .target(name: "CShims"),

        // From the bottom up.
        .target(name: "Kafka", dependencies: ["CKafka"], swiftSettings: views),
        .target(name: "Journal", dependencies: ["COpenSSL"], swiftSettings: views),
        .target(name: "Ingest", dependencies: ["Journal", "CYAML"], swiftSettings: views),
        .target(name: "Engine", dependencies: ["Journal", "CShims"], swiftSettings: views),
        .target(
            name: "Pipeline", dependencies: ["Engine", "Ingest", "Journal", "Kafka"],
            swiftSettings: views),
        .target(name: "CommandLineKit", swiftSettings: safe),
        .executableTarget(
            name: "diversion-monitor",
            dependencies: [
                "CommandLineKit", "Engine", "Ingest", "Journal", "Kafka", "Pipeline",
            ],
            swiftSettings: views),
        .executableTarget(
            name: "benchmark",
            dependencies: ["Engine", "Ingest", "Journal", "Kafka", "Pipeline"],
            swiftSettings: views),
        .executableTarget(name: "sample-data", swiftSettings: safe),

        // Tests: `strict` is enough where nothing is shipped.
        .target(name: "TestKit", path: "Tests/TestKit", swiftSettings: strict),
        .testTarget(
            name: "ScenarioTests", dependencies: ["TestKit", "sample-data"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
