/// The processor and system that an image is for (OCI image specification, image-index.md, *platform*).
public struct Platform: Sendable, Hashable, Codable {
  public var architecture: String
  public var os: String
  public var osVersion: String?
  public var osFeatures: [String]?
  public var variant: String?

  public init(architecture: String, os: String, variant: String? = nil) {
    self.architecture = architecture
    self.os = os
    self.variant = variant
  }

  enum CodingKeys: String, CodingKey {
    case architecture, os, variant
    case osVersion = "os.version"
    case osFeatures = "os.features"
  }

  /// The machine that this program was built for, in Go's names, which images use.
  public static var host: Platform {
    #if arch(x86_64)
      Platform(architecture: "amd64", os: "linux")
    #elseif arch(arm64)
      Platform(architecture: "arm64", os: "linux", variant: "v8")
    #else
      #error("no name for this processor")
    #endif
  }

  /// Whether an image for this platform runs on `other` (variants matter only where both name one).
  public func runs(on other: Platform) -> Bool {
    guard architecture == other.architecture, os == other.os else { return false }
    guard let variant, !variant.isEmpty, let theirs = other.variant, !theirs.isEmpty else { return true }
    return variant == theirs
  }
}
