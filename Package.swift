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
            name: "COpenSSL",
            pkgConfig: "libcrypto",
            providers: [.apt(["libssl-dev"])]
        ),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .target(name: "CShims"),

        // From the bottom up.
        .target(name: "Kafka", dependencies: ["CKafka"], swiftSettings: views),
        .target(name: "Journal", dependencies: ["COpenSSL"], swiftSettings: views),
        // What people type and read. They know nothing of events, so any module may be shown to
        // a person with the same spelling of durations, numbers and "did you mean".
        .target(name: "Wording", swiftSettings: safe),
        .target(name: "YAML", dependencies: ["CYAML", "Wording"], swiftSettings: safe),
        .target(name: "Settings", dependencies: ["Wording", "YAML"], swiftSettings: safe),
        .target(name: "CommandLineKit", dependencies: ["Wording"], swiftSettings: safe),
        .target(
            name: "Ingest",
            dependencies: ["Journal", "Wording", "YAML"],
            swiftSettings: views
        ),
        .target(name: "Engine", dependencies: ["Journal", "CShims"], swiftSettings: views),
        .target(
            name: "Pipeline",
            dependencies: ["Engine", "Ingest", "Journal", "Kafka"],
            swiftSettings: views
        ),
        .executableTarget(
            name: "diversion-monitor",
            dependencies: [
                "CommandLineKit", "Engine", "Ingest", "Journal", "Kafka", "Pipeline",
            ],
            swiftSettings: views
        ),
        .executableTarget(
            name: "benchmark",
            dependencies: ["Engine", "Ingest", "Journal", "Kafka", "Pipeline"],
            swiftSettings: views
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
            name: "IngestTests",
            dependencies: ["Ingest", "Journal"],
            swiftSettings: strict
        ),
    ],
    swiftLanguageModes: [.v6]
)
