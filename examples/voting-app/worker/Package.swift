// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "voting-worker",
  targets: [
    .systemLibrary(name: "CPostgreSQL", providers: [.apt(["libpq-dev"])]),
    .executableTarget(name: "worker", dependencies: ["CPostgreSQL"]),
  ],
  swiftLanguageModes: [.v6]
)
