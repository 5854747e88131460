// swift-tools-version: 6.2
import PackageDescription

// One target for each room of the house (ARCHITECTURE.md); imports point down only, `make check` proves it.
let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

func room(_ name: String, floor: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, path: "Sources/\(floor)/\(name)", swiftSettings: strict)
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
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // Kernel
    .target(name: "CLinuxShim", path: "Sources/Kernel/CLinuxShim"),
    room("LinuxSystem", floor: "Kernel", ["CLinuxShim"]),
    tests("LinuxSystem", floor: "Kernel", []),
    // Common
    room("Model", floor: "Common", []),
    room("OCITypes", floor: "Common", ["Model"]),
    room("HTTPServing", floor: "Common", nio + [logging, "Model"]),
    room("Persistence", floor: "Common", [.product(name: "GRDB", package: "GRDB.swift"), "Model"]),
    tests("Model", floor: "Common", []),
    tests("OCITypes", floor: "Common", []),
    tests("HTTPServing", floor: "Common", []),
    tests("Persistence", floor: "Common", []),
    // Images
    .systemLibrary(
      name: "CArchive", path: "Sources/Images/CArchive",
      providers: [.apt(["zlib1g-dev", "libzstd-dev", "liblzma-dev", "libbz2-dev"])]),
    room("ContentStore", floor: "Images", ["Model", "LinuxSystem", .product(name: "Crypto", package: "swift-crypto")]),
    room("Layers", floor: "Images", ["CArchive", "ContentStore", "LinuxSystem", "Model"]),
    room("Snapshots", floor: "Images", ["LinuxSystem", "Model"]),
    room(
      "ImageCatalog", floor: "Images",
      ["ContentStore", "Layers", "Snapshots", "Persistence", "LinuxSystem", "Model", "OCITypes", logging]),
    tests("ContentStore", floor: "Images", []),
    tests("Layers", floor: "Images", ["CArchive"]),
    tests("Snapshots", floor: "Images", []),
    tests("ImageCatalog", floor: "Images", []),
    // Engine
    room("Networking", floor: "Engine", ["LinuxSystem", "Model", logging]),
    room("OCIRuntime", floor: "Engine", ["LinuxSystem", "Model", logging]),
    room(
      "Isolation", floor: "Engine",
      ["LinuxSystem", "Model", "OCITypes", .product(name: "Yams", package: "Yams")]),
    room("HostChecks", floor: "Engine", ["LinuxSystem", "Model"]),
    room(
      "ContainerEngine", floor: "Engine",
      [
        "ContentStore", "Layers", "Snapshots", "ImageCatalog", "Networking", "OCIRuntime", "Isolation", "HostChecks",
        "Persistence", "LinuxSystem", "Model", "OCITypes", logging,
      ]),
    tests("Networking", floor: "Engine", []),
    tests("OCIRuntime", floor: "Engine", []),
    tests("Isolation", floor: "Engine", []),
    tests("HostChecks", floor: "Engine", []),
    tests("ContainerEngine", floor: "Engine", []),
    // APIs
    room(
      "DockerAPI", floor: "APIs",
      [
        "ContainerEngine", "HTTPServing", "ImageCatalog", "Isolation", "LinuxSystem", "Model", "Networking", "OCITypes",
        logging,
      ]),
    tests("DockerAPI", floor: "APIs", []),
    // Programs
    .executableTarget(
      name: "bulkhead", dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser")],
      path: "Sources/Programs/bulkhead", swiftSettings: strict),
    .executableTarget(
      name: "bulkheadd",
      dependencies: [
        .product(name: "ArgumentParser", package: "swift-argument-parser"), logging,
        "DockerAPI", "ContainerEngine", "HTTPServing", "Isolation", "HostChecks", "LinuxSystem", "Model",
      ],
      path: "Sources/Programs/bulkheadd", swiftSettings: strict),
    .testTarget(
      name: "bulkheadTests",
      dependencies: ["bulkhead", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      path: "Tests/Programs/bulkheadTests", swiftSettings: strict),
    // Drives the built programs through real clients.
    .testTarget(
      name: "IntegrationTests", path: "Tests/IntegrationTests", exclude: ["Cases", "Probe", "Python"],
      swiftSettings: strict),
  ]
)
