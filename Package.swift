// swift-tools-version: 6.2
import PackageDescription

// One target for each room of the house (ARCHITECTURE.md); imports point down only, `make check` proves it.
let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

func room(_ name: String, floor: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Sources/\(floor)/\(name)", exclude: exclude, swiftSettings: strict)
}

func tests(_ name: String, floor: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: dependencies + [.byName(name: name)],
    path: "Tests/\(floor)/\(name)Tests", swiftSettings: strict)
}

let nio: [Target.Dependency] = [
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "NIOPosix", package: "swift-nio"),
  .product(name: "NIOHTTP1", package: "swift-nio"),
]
let tls: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let hashes: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

let package = Package(
  name: "bulkhead",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "bulkhead", targets: ["bulkhead"]),
    .executable(name: "bulkheadd", targets: ["bulkheadd"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
    .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
  ],
  targets: [
    // Kernel
    .target(name: "CLinuxShim", path: "Sources/Kernel/CLinuxShim"),
    room("LinuxSystem", floor: "Kernel", ["CLinuxShim"]),
    tests("LinuxSystem", floor: "Kernel", []),
    // Common
    room("Model", floor: "Common", []),
    room("OCITypes", floor: "Common", ["Model"]),
    room("Internet", floor: "Common", ["LinuxSystem", "Model"]),
    tests("Internet", floor: "Common", ["LinuxSystem", "TestNetwork"]),
    room("Metrics", floor: "Common", ["LinuxSystem"]),
    tests("Metrics", floor: "Common", []),
    room("HTTPServing", floor: "Common", nio + [tls, logging, "LinuxSystem", "Model"]),
    room(
      "CRIProtocol", floor: "Common",
      [
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP2", package: "swift-nio-http2"), .product(name: "NIOHPACK", package: "swift-nio-http2"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"), "HTTPServing", "LinuxSystem", logging,
      ],
      exclude: ["Messages/cri.proto"]),
    tests("CRIProtocol", floor: "Common", []),
    .systemLibrary(name: "CZlib", path: "Sources/Common/CZlib", providers: [.apt(["zlib1g-dev"])]),
    room("PodStreams", floor: "Common", ["CZlib", "HTTPServing", "LinuxSystem", hashes]),
    tests("PodStreams", floor: "Common", ["CZlib", "HTTPServing"]),
    room("Persistence", floor: "Common", [.product(name: "GRDB", package: "GRDB.swift"), "Model"]),
    room(
      "ConfigurationFiles", floor: "Common",
      ["LinuxSystem", "Model", .product(name: "Yams", package: "Yams")]),
    room(
      "Certificates", floor: "Common",
      [
        hashes, .product(name: "SwiftASN1", package: "swift-asn1"),
        .product(name: "X509", package: "swift-certificates"),
        "LinuxSystem", "Model",
      ]),
    room(
      "Accounts", floor: "Common",
      [hashes, .product(name: "CryptoExtras", package: "swift-crypto"), "LinuxSystem", "Model", "Persistence"]),
    tests("Accounts", floor: "Common", []),
    tests("Certificates", floor: "Common", []),
    tests("Model", floor: "Common", []),
    tests("OCITypes", floor: "Common", []),
    tests("HTTPServing", floor: "Common", []),
    tests("Persistence", floor: "Common", []),
    // Images
    .systemLibrary(
      name: "CArchive", path: "Sources/Images/CArchive",
      providers: [.apt(["libisal-dev", "zlib1g-dev", "libzstd-dev", "liblzma-dev", "libbz2-dev"])]),
    room("ContentStore", floor: "Images", ["Model", "LinuxSystem", hashes]),
    room("Tar", floor: "Images", ["ContentStore", "LinuxSystem", "Model"]),
    room("Layers", floor: "Images", ["CArchive", "ContentStore", "LinuxSystem", "Model", "Tar"]),
    room("Snapshots", floor: "Images", ["LinuxSystem", "Model"]),
    room(
      "ImageCatalog", floor: "Images",
      [
        "ContentStore", "Dockerfile", "Layers", "Snapshots", "Persistence", "LinuxSystem", "Model", "OCITypes", logging,
      ]),
    room("Dockerfile", floor: "Images", ["Model"]),
    room(
      "Builder", floor: "Images",
      [
        "ContentStore", "Dockerfile", "ImageCatalog", "Layers", "LinuxSystem", "Model", "OCITypes", "Persistence",
        logging,
      ]),
    room(
      "RegistryClient", floor: "Images",
      nio + [
        .product(name: "AsyncHTTPClient", package: "async-http-client"), tls, logging, "ContentStore", "Internet",
        "LinuxSystem", "Model", "OCITypes",
      ]),
    room(
      "Distribution", floor: "Images",
      [
        .product(name: "NIOCore", package: "swift-nio"), "ContentStore", "ImageCatalog", "Layers", "LinuxSystem",
        "Model",
        "OCITypes", "Persistence", "RegistryClient", logging,
      ]),
    room(
      "Registry", floor: "Images", ["ContentStore", "LinuxSystem", "Model", "OCITypes", "Persistence", logging]),
    room(
      "Replication", floor: "Images",
      ["LinuxSystem", "Model", "OCITypes", "Persistence", "Registry", "RegistryClient", hashes, logging]),
    tests("Builder", floor: "Images", []),
    .target(
      name: "RegistryDouble", dependencies: nio + ["ContentStore", "Model", "OCITypes"],
      path: "Tests/Support/RegistryDouble", swiftSettings: strict),
    tests(
      "Distribution", floor: "Images",
      nio + [
        "ContentStore", "ImageCatalog", "Layers", "LinuxSystem", "Model", "OCITypes", "Persistence", "RegistryClient",
        "RegistryDouble", "Snapshots", logging,
      ]),
    tests("Dockerfile", floor: "Images", []),
    tests("Registry", floor: "Images", ["ContentStore", "LinuxSystem", "Model", "OCITypes", logging]),
    tests(
      "RegistryClient", floor: "Images",
      nio + ["ContentStore", "LinuxSystem", "Model", "OCITypes", "RegistryDouble", logging]),
    tests(
      "Replication", floor: "Images",
      nio + [
        "ContentStore", "LinuxSystem", "Model", "OCITypes", "Persistence", "Registry", "RegistryClient",
        "RegistryDouble", logging,
      ]),
    tests("ContentStore", floor: "Images", []),
    tests("Layers", floor: "Images", ["CArchive"]),
    tests("Snapshots", floor: "Images", []),
    tests("ImageCatalog", floor: "Images", []),
    // Engine
    room("Networking", floor: "Engine", ["Internet", "LinuxSystem", "Model", logging]),
    room("OCIRuntime", floor: "Engine", ["LinuxSystem", "Model", logging]),
    room(
      "Isolation", floor: "Engine",
      ["ConfigurationFiles", "LinuxSystem", "Model", "OCITypes"]),
    room("HostChecks", floor: "Engine", ["LinuxSystem", "Model", "Networking"]),
    room(
      "ContainerEngine", floor: "Engine",
      [
        "Builder", "ContentStore", "Distribution", "Layers", "RegistryClient", "Snapshots", "ImageCatalog",
        "Networking",
        "OCIRuntime",
        "Isolation", "HostChecks", "Persistence", "LinuxSystem", "Model", "OCITypes", logging, hashes,
        .product(name: "CryptoExtras", package: "swift-crypto"),
      ]),
    .target(
      name: "TestNetwork", dependencies: ["Internet", "LinuxSystem"], path: "Tests/Support/TestNetwork",
      swiftSettings: strict),
    tests("Networking", floor: "Engine", ["TestNetwork"]),
    tests("OCIRuntime", floor: "Engine", []),
    tests("Isolation", floor: "Engine", []),
    tests("HostChecks", floor: "Engine", []),
    tests("ContainerEngine", floor: "Engine", []),
    // Cluster
    room(
      "KubeMachinery", floor: "Cluster", ["HTTPServing", "LinuxSystem", "Model", "Persistence", logging, hashes]),
    room("KubeResources", floor: "Cluster", ["HTTPServing", "Internet", "KubeMachinery"]),
    room(
      "NodeAgent", floor: "Cluster",
      [
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHPACK", package: "swift-nio-http2"), .product(name: "NIOHTTP2", package: "swift-nio-http2"),
        tls, logging, "CRIProtocol", "HTTPServing", "KubeControllers", "KubeMachinery", "KubeResources", "LinuxSystem",
        "Model", "PodStreams",
      ]),
    tests(
      "NodeAgent", floor: "Cluster",
      [
        "CRIProtocol", "HTTPServing", "KubeControllers", "KubeMachinery", "KubeResources", "LinuxSystem", "Model",
        logging,
      ]),
    room(
      "ServiceProxy", floor: "Cluster",
      [hashes, "HTTPServing", "Internet", "KubeMachinery", "KubeResources", "LinuxSystem", "Model", logging]),
    tests(
      "ServiceProxy", floor: "Cluster",
      [
        "HTTPServing", "Internet", "KubeMachinery", "KubeResources", "LinuxSystem", "Model", "Networking",
        "TestNetwork", logging,
      ]),
    room(
      "ClusterNames", floor: "Cluster",
      ["HTTPServing", "Internet", "KubeMachinery", "KubeResources", "LinuxSystem", logging]),
    tests(
      "ClusterNames", floor: "Cluster",
      ["HTTPServing", "Internet", "KubeMachinery", "LinuxSystem", "TestNetwork", logging]),
    room(
      "KubeControllers", floor: "Cluster",
      ["HTTPServing", "Internet", "KubeMachinery", "KubeResources", "LinuxSystem", logging]),
    tests(
      "KubeControllers", floor: "Cluster",
      ["HTTPServing", "Internet", "KubeMachinery", "KubeResources", "Persistence", logging]),
    tests("KubeMachinery", floor: "Cluster", ["HTTPServing", "Model", "Persistence", logging]),
    tests("KubeResources", floor: "Cluster", ["HTTPServing", "KubeMachinery", "Model"]),
    // Platform
    room("Observability", floor: "Platform", ["ContainerEngine", "LinuxSystem", "Metrics", "Model", logging]),
    room("Compose", floor: "Platform", ["Model", .product(name: "Yams", package: "Yams")]),
    .testTarget(
      name: "ComposeTests", dependencies: ["Compose"], path: "Tests/Platform/ComposeTests", exclude: ["Cases"],
      swiftSettings: strict),
    // APIs
    room("MetricsAPI", floor: "APIs", ["HTTPServing", "LinuxSystem", "Metrics", "Model", "Observability"]),
    tests("MetricsAPI", floor: "APIs", ["Model"]),
    room(
      "DockerAPI", floor: "APIs",
      [
        "Builder", "ContainerEngine", "Distribution", "HTTPServing", "ImageCatalog", "Isolation", "LinuxSystem",
        "Model",
        "Networking",
        "OCITypes", "RegistryClient", logging,
      ]),
    room(
      "RegistryAPI", floor: "APIs",
      [
        "Accounts", "HTTPServing", "LinuxSystem", "Metrics", "Model", "OCITypes", "Registry", "Replication", logging,
      ]),
    room(
      "CRIService", floor: "APIs",
      [
        "CRIProtocol", "ContainerEngine", "HTTPServing", "ImageCatalog", "Isolation", "LinuxSystem", "Model",
        "PodStreams", "RegistryClient", logging,
      ]),
    tests("CRIService", floor: "APIs", []),
    room(
      "KubernetesAPI", floor: "APIs",
      ["HTTPServing", "KubeMachinery", "LinuxSystem", "PodStreams", logging, hashes]),
    tests("DockerAPI", floor: "APIs", []),
    tests(
      "KubernetesAPI", floor: "APIs",
      ["HTTPServing", "KubeMachinery", "KubeResources", "LinuxSystem", "Persistence", logging]),
    tests(
      "RegistryAPI", floor: "APIs",
      [
        "Accounts", "ContentStore", "HTTPServing", "LinuxSystem", "Model", "OCITypes", "Persistence", "Registry",
        "RegistryClient", "RegistryDouble", "Replication", logging,
      ]),
    // Programs
    .executableTarget(
      name: "bulkhead",
      dependencies: [
        .product(name: "ArgumentParser", package: "swift-argument-parser"), hashes, "Compose", "Dockerfile",
        "LinuxSystem", "Model", "Tar",
      ],
      path: "Sources/Programs/bulkhead", swiftSettings: strict),
    .executableTarget(
      name: "bulkheadd",
      dependencies: [
        .product(name: "ArgumentParser", package: "swift-argument-parser"), logging,
        "Accounts", "Certificates", "ClusterNames", "ConfigurationFiles", "ContainerEngine", "CRIProtocol",
        "CRIService",
        "DockerAPI",
        "HostChecks", "HTTPServing", "Internet", "Isolation", "KubeControllers", "KubeMachinery", "KubeResources",
        "KubernetesAPI",
        "LinuxSystem", "MetricsAPI", "Model", "NodeAgent", "Observability", "Persistence", "PodStreams", "Registry",
        "RegistryAPI",
        "RegistryClient", "Replication", "ServiceProxy",
      ],
      path: "Sources/Programs/bulkheadd", swiftSettings: strict),
    .testTarget(
      name: "bulkheadTests",
      dependencies: [
        "bulkhead", "Compose", "Dockerfile", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Tests/Programs/bulkheadTests", swiftSettings: strict),
    tests("bulkheadd", floor: "Programs", ["HTTPServing", "KubeResources", "LinuxSystem", "Model", "Registry"]),
    .executableTarget(
      name: "service-figures",
      dependencies: [
        "ClusterNames", "HTTPServing", "Internet", "KubeMachinery", "LinuxSystem", "Model", "Networking",
        "ServiceProxy",
        logging,
      ],
      path: "Benchmarks/ServiceFigures", swiftSettings: strict),
    // Drives the built programs through real clients.
    .testTarget(
      name: "IntegrationTests", path: "Tests/IntegrationTests", exclude: ["Cases", "Dockerfiles", "Probe", "Python"],
      swiftSettings: strict),
  ]
)
